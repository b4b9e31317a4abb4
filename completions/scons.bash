# Completion of Goldcrest's ./scons for bash: models, studies, targets and options. In ~/.bashrc:
#     source PATH/TO/goldcrest/completions/scons.bash
# Models and studies are those in the folder of the ./scons that is typed; targets and options are what its last run
# wrote to build/.completion. Elsewhere (another project's scons) files are completed as usual.

_goldcrest_scons() {
    local root line word known="" name value before="" candidates=""
    root=$(dirname -- "${COMP_WORDS[0]}")
    [ -d "$root/site_scons" ] && [ -d "$root/models" ] || return
    known=$(cat "$root/build/.completion" 2>/dev/null)
    line=${COMP_LINE:0:COMP_POINT}
    word=${line##* }
    COMPREPLY=()
    if [[ $word == *=* ]]; then
        name=${word%%=*}
        value=${word#*=}
        case $name in
        model | study)
            local folder=models
            [ "$name" = study ] && folder=studies
            [[ $value == *,* ]] && before=${value%,*},
            [ "$name$before" = model ] && candidates=all
            candidates+=" $(cd -- "$root/$folder" 2>/dev/null && for each in *.yaml; do [ -e "$each" ] && printf '%s ' "${each%.yaml}"; done)"
            compopt -o nospace 2>/dev/null # perhaps a comma follows
            ;;
        *)
            candidates=$(sed -n "s/^value $name=//p" <<<"$known")
            [ -n "$candidates" ] || { COMPREPLY=($(compgen -f -- "$value")); compopt -o filenames 2>/dev/null; return; }
            ;;
        esac
        COMPREPLY=($(compgen -P "$before" -W "$candidates" -- "${value##*,}"))
        # Where = parts words (the default), bash replaces only what follows it.
        [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/$name=}")
    else
        candidates="$(sed -n 's/^target //p; s/^option //p' <<<"$known")"
        COMPREPLY=($(compgen -W "${candidates:-model=}" -- "$word"))
        [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    fi
}

complete -o default -F _goldcrest_scons scons
