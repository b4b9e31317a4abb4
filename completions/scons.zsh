# Completion of Goldcrest's ./scons for zsh: models, studies, targets and options. In ~/.zshrc, after compinit:
#     source PATH/TO/goldcrest/completions/scons.zsh
# See scons.bash for where the words come from.

_goldcrest_scons() {
    local root=${words[1]:h} name
    local -a known found
    [[ -d $root/site_scons && -d $root/models ]] || { _files; return }
    [[ -r $root/build/.completion ]] && known=("${(@f)$(<$root/build/.completion)}")
    if [[ $PREFIX == *=* ]]; then
        name=${PREFIX%%=*}
        compset -P '*='
        case $name in
        model | study)
            [[ $name == model ]] && found=($root/models/*.yaml(N:t:r)) || found=($root/studies/*.yaml(N:t:r))
            [[ $name == model && $PREFIX != *,* ]] && found+=(all)
            compset -P '*,'
            compadd -S '' -- $found
            ;;
        *)
            found=(${${(M)known:#value $name=*}#value $name=})
            if (( $#found )); then compadd -- $found; else _files; fi
            ;;
        esac
    else
        compadd -- ${${(M)known:#target *}#target }
        found=(${${(M)known:#option *}#option })
        compadd -S '' -- ${found:-model=}
    fi
}

compdef _goldcrest_scons scons
