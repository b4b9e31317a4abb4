"""Holds a manifest's nodes against the JSON Schema of its keys, reports what is wrong and fills in defaults.

The schemas are those that editors read (``schema.py``), so there is one description of every key. jsonschema would
accept and refuse the same documents (a test compares), but takes longer to import than all of this takes to run, and
its messages know neither lines nor units. Only the keywords in ``KEYWORDS`` may be used in a description.
"""

from __future__ import annotations

import copy
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

from toolchain.manifest import scalars, units
from toolchain.manifest.diagnostics import Diagnostic, KeyPath, expected, suggestion
from toolchain.manifest.reader import Node
from toolchain.manifest.wording import (
    TYPES,
    about,
    items,
    kinds,
    needs_one,
    object_of,
    options_note,
    shown,
    subject,
    type_of,
)

Schema = Mapping[str, Any]

KEYWORDS = {
    *("type", "enum", "const", "not", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"),
    *("minLength", "maxLength", "items", "minItems", "maxItems", "uniqueItems", "properties", "required"),
    *("additionalProperties", "minProperties", "maxProperties", "anyOf", "oneOf", "default"),
    *("title", "description", "markdownDescription", "examples", "x-unit", "x-shorthand"),
}

MATCHING = {  # JSON Schema types that a value of this type satisfies
    "integer": {"integer", "number"},
    **{name: {name} for name in ("number", "string", "boolean", "array", "object", "null")},
}
LIMITS = (  # keyword, when a value breaks it, how messages call it
    ("minimum", operator.lt, "at least"),
    ("maximum", operator.gt, "at most"),
    ("exclusiveMinimum", operator.le, "greater than"),
    ("exclusiveMaximum", operator.ge, "less than"),
)


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()
"""Stands where a value could not be read; the reason is among the problems."""


def check(node: Node, schema: Schema, key_path: KeyPath, problems: list[Diagnostic]) -> Any:
    """The value of ``node`` with defaults filled in and units resolved.

    What is wrong goes to ``problems``; a wrong value is INVALID in a list and left out of a mapping, so that the checks
    that follow can still say what is wrong with the rest.
    """
    return _Check(problems).value(node, schema, key_path)


class _Check:
    def __init__(self, problems: list[Diagnostic]) -> None:
        self.problems = problems
        self.owners: dict[int, Node] = {}  # the key of each mapping: where a missing key of it is reported

    def report(self, node: Node, key_path: KeyPath, message: str, *notes: str | None) -> Any:
        kept = tuple(note for note in notes if note)
        self.problems.append(Diagnostic(message, node.place, kept, key_path))
        return INVALID

    def value(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        if "x-unit" in schema:
            return self.quantity(node, schema, key_path)
        if "oneOf" in schema:
            return self.discriminated(node, schema, key_path)
        if "anyOf" in schema:
            return self.any_of(node, schema, key_path)
        if "enum" in schema and not isinstance(node.value, dict | list) and node.value is not None:
            return self.choice_of_values(node, schema, key_path)
        if not (kinds(schema) & MATCHING[type_of(node.value)]):
            return self.wrong_type(node, schema, key_path)
        if "const" in schema:
            return self.choice_of_values(node, schema, key_path)
        if isinstance(node.value, dict):
            return self.mapping(node, schema, key_path)
        if isinstance(node.value, list):
            return self.sequence(node, schema, key_path)
        if isinstance(node.value, str):
            return self.text(node, schema, key_path)
        if type_of(node.value) in ("integer", "number"):
            return self.number(node, schema, key_path)
        return node.value

    def wrong_type(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        names = kinds(schema) - {"null"} or {"null"}
        wanted = " or ".join(
            TYPES[name] for name in TYPES if name in names and not (name == "integer" and "number" in names)
        )
        got = shown(node) if node.value is not None else "nothing is given"
        joint = ", and " if node.value is None else ", not "
        hint = (
            self.hint(node, names)
            or needs_one(node, schema, key_path)
            or options_note(schema)
            or about(schema, key_path)
        )
        return self.report(node, key_path, f"{subject(key_path)} must be {wanted}{joint}{got}", hint)

    def hint(self, node: Node, wanted: set[str]) -> str | None:
        if isinstance(node.value, str) and wanted & {"integer", "number", "boolean"}:
            return scalars.hint(node.value, node.quoted)
        if wanted & {"array"} and not isinstance(node.value, list | dict) and node.value is not None:
            return f"write `[{node.value}]`"[:70]
        if wanted == {"string"} and not isinstance(node.value, list | dict) and node.value is not None:
            return f'put it in quotes: "{shown(node)}"'
        return None

    def number(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        value = node.value
        if not math.isfinite(value):
            return self.report(node, key_path, f"{subject(key_path)} must be a finite number", about(schema, key_path))
        if schema.get("not", {}).get("const") == value:
            return self.report(node, key_path, f"{subject(key_path)} must not be {value:g}", about(schema, key_path))
        for keyword, wrong, words in LIMITS:
            if keyword in schema and wrong(value, schema[keyword]):
                message = f"{subject(key_path)} must be {words} {schema[keyword]}, not {shown(node)}"
                return self.report(node, key_path, message, about(schema, key_path))
        return int(value) if "number" not in kinds(schema) else float(value)

    def text(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        value = node.value
        if len(value) < schema.get("minLength", 0):
            return self.report(node, key_path, f"{subject(key_path)} must not be empty", about(schema, key_path))
        if len(value) > schema.get("maxLength", math.inf):
            return self.report(node, key_path, f"{subject(key_path)} is longer than {schema['maxLength']} characters")
        if schema.get("not", {}).get("const") == value:
            return self.report(
                node, key_path, f"{subject(key_path)} must not be {shown(node)}", about(schema, key_path)
            )
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return self.report(node, key_path, f"{shown(node)} cannot be {subject(key_path)}", about(schema, key_path))
        return value

    def quantity(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        if isinstance(node.value, bool) or not isinstance(node.value, str | int):
            return self.wrong_type(node, schema, key_path)
        try:
            return units.parse(str(node.value), units.UNITS[schema["x-unit"]])
        except units.UnitError as error:
            return self.report(node, key_path, f"{subject(key_path)}: {error}", *error.notes)

    def choice_of_values(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        for value in values:
            if type_of(value) == type_of(node.value) and value == node.value:
                return value
        notes = expected(node.value, map(str, values))
        if str(node.value) in map(str, values):
            notes = ("remove the quotes" if node.quoted else "put it in quotes",)
        known = f"unknown {schema['title']}" if "title" in schema else f"unknown {subject(key_path)}:"
        return self.report(node, key_path, f"{known} {shown(node)}", *notes)

    def sequence(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        count = len(node.value)
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if not least <= count <= most:
            limit = f"at least {items(least)}" if count < least else f"at most {items(int(most))}"
            self.report(node, key_path, f"{subject(key_path)} must have {limit}, not {count}", about(schema, key_path))
            return INVALID
        values = [self.value(item, schema.get("items", {}), (*key_path, i)) for i, item in enumerate(node.value)]
        if schema.get("uniqueItems"):
            for index, item in enumerate(node.value):
                if item.plain() in [other.plain() for other in node.value[:index]]:
                    self.report(item, (*key_path, index), f"{shown(item)} stands twice in {subject(key_path)}")
        # What is sound of a network is followed further; half a list of numbers says nothing.
        return INVALID if INVALID in values and key_path != ("network",) else values

    def mapping(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        if len(node.value) > schema.get("maxProperties", math.inf) or len(node.value) < schema.get("minProperties", 0):
            return self.wrong_count(node, schema, key_path)
        result: dict[str, Any] = {}
        for key, child in node.value.items():
            here = (*key_path, key)
            self.owners[id(child)] = node.keys[key]
            if key in properties:
                value = self.value(child, properties[key], here)
            elif more is False:
                message = f"unknown key `{key[:40]}` in {subject(key_path)}"
                value = self.report(node.keys[key], here, message, *expected(key, properties, "keys here"))
            else:
                value = self.value(child, more, here) if isinstance(more, Mapping) else child.plain()
            if value is not INVALID:
                result[key] = value
        for key in schema.get("required", ()):
            if key not in node.value:
                note = about(properties.get(key, {}), (key,))
                self.report(
                    self.owners.get(id(node), node), (*key_path, key), f"{subject(key_path)} needs `{key}`", note
                )
        for key, inner in properties.items():
            if "default" in inner and key not in node.value:
                result[key] = default(inner)
        return result

    def wrong_count(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        names = list(schema.get("properties", {}))
        given = list(node.value)
        if not given:
            return self.report(node, key_path, f"{subject(key_path)} is an empty mapping", options_note(schema))
        first = next((key for key in given if key in names), given[0])
        other = next(key for key in given if key != first)
        message = f"{subject(key_path)} has {len(given)} keys, and one was expected: `{first}`"
        if other in names:
            layer = len(key_path) > 1 and key_path[0] == "network"
            remedy = "write each layer as an item of its own" if layer else "keep one of them"
            return self.report(node.keys[other], key_path, message, remedy)
        bare, options = node.value[first], schema.get("properties", {}).get(first, {})
        shorthand = options.get("x-shorthand") or next(iter(object_of(options).get("required", ())), None)
        plain = shorthand and not isinstance(bare.value, list | dict | None)
        before = f"{shorthand}: {shown(bare).strip('`')}, " if plain else ""
        remedy = f"if `{other[:40]}` belongs to `{first[:40]}`, write `{first[:40]}: {{{before}{other[:40]}: …}}`"
        return self.report(node.keys[other], key_path, message, remedy)

    def any_of(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        branches = [branch for branch in schema["anyOf"] if kinds(branch) & MATCHING[type_of(node.value)]]
        named = choice_of(schema)
        if named is not None and (isinstance(node.value, str) or named in branches):
            if _lacks_dashes(node, named, schema):
                return self.wrong_type(node, {"type": "array", "description": schema["description"]}, key_path)
            return self.choice(node, named, schema, key_path)
        words = [branch["const"] for branch in schema["anyOf"] if isinstance(branch.get("const"), str)]
        if words and len(words) + 1 == len(schema["anyOf"]) and not suggestion(node.value, words):
            # A number, or one of few words: what is near to none of the words was meant as a number.
            number = next(branch for branch in schema["anyOf"] if branch.get("const") not in words)
            return self.value(node, {"description": schema.get("description", ""), **number}, key_path)
        if not branches:
            merged = {"type": sorted(set().union(*(kinds(branch) for branch in schema["anyOf"])))}
            return self.wrong_type(node, {**schema, **merged}, key_path)
        common = {"description": schema["description"]} if "description" in schema else {}
        described = [{**common, **branch} for branch in branches]
        if len(described) == 1:
            return self.value(node, described[0], key_path)
        attempts = []
        for branch in described:
            attempt = _Check([])
            attempt.owners = self.owners
            attempts.append((attempt.value(node, branch, key_path), attempt.problems))
        result, found = min(attempts, key=lambda attempt: len(attempt[1]))
        self.problems += found
        return INVALID if found else result

    def choice(self, node: Node, named: Schema, schema: Schema, key_path: KeyPath) -> Any:
        """One of several names, each with options of its own: ``flatten``, ``dense: {units: 32}``."""
        properties = named["properties"]
        what = schema.get("title", subject(key_path))
        if isinstance(node.value, dict) and len(node.value) != 1:
            return self.wrong_count(node, {**schema, **named}, key_path)
        name = node.value if isinstance(node.value, str) else next(iter(node.value))
        place = node if isinstance(node.value, str) else node.keys[name]
        if name not in properties:
            return self.report(place, key_path, f"unknown {what} `{name[:40]}`", *expected(name, properties))
        options = node.value[name] if isinstance(node.value, dict) else Node(None, node.place)
        self.owners[id(options)] = place
        empty = Node({}, place.place)
        bare = isinstance(node.value, str) or (options.value is None and "null" in kinds(properties[name]))
        shorthand = properties[name].get("x-shorthand")
        if bare:
            value = self.mapping(empty, object_of(properties[name]), (*key_path, name))
        else:
            value = self.value(options, properties[name], (*key_path, name))
        if value is INVALID:
            return INVALID
        if shorthand and not bare and not isinstance(options.value, dict):
            others = self.mapping(empty, {**object_of(properties[name]), "required": []}, key_path)
            value = {**others, shorthand: value}
        return {name: value}

    def discriminated(self, node: Node, schema: Schema, key_path: KeyPath) -> Any:
        """Mappings of several kinds, told apart by a key whose value is fixed in each."""
        if not isinstance(node.value, dict):
            first = schema["oneOf"][0]["required"][:1]
            return self.wrong_type(node, {**schema, "type": "object", "required": first}, key_path)
        key = next(name for name, inner in schema["oneOf"][0]["properties"].items() if "const" in inner)
        branches = {branch["properties"][key]["const"]: branch for branch in schema["oneOf"]}
        if key not in node.value:
            note = f"expected one of: {', '.join(branches)}"
            place = self.owners.get(id(node), node)
            return self.report(place, key_path, f"{subject(key_path)} needs `{key}`", note)
        given = node.value[key]
        if not isinstance(given.value, str) or given.value not in branches:
            what = schema.get("title", subject((*key_path, key)))
            return self.report(
                given, (*key_path, key), f"unknown {what} {shown(given)}", *expected(given.value, branches)
            )
        return self.value(node, branches[given.value], key_path)


def _lacks_dashes(node: Node, named: Schema, schema: Schema) -> bool:
    """Whether a mapping was meant as the list that may stand here as well: none of its keys is one of the choice's."""
    names = named["properties"]
    a_list = any("array" in kinds(branch) for branch in schema["anyOf"])
    return a_list and node.is_mapping and not any(key in names or suggestion(key, names) for key in node.value)


def choice_of(schema: Schema) -> Schema | None:
    """The branch of a choice among names that holds their options; None if the schema is no such choice."""
    return next((branch for branch in schema.get("anyOf", ()) if branch.get("maxProperties") == 1), None)


def default(schema: Schema) -> Any:
    """The value of a key that is left out, with the defaults of the keys inside it."""
    value = copy.deepcopy(schema["default"])
    properties = schema.get("properties", {})
    named = choice_of(schema)
    if named is not None and value is not None:
        name, given = (value, {}) if isinstance(value, str) else next(iter(value.items()))
        return {name: default({**object_of(named["properties"][name]), "default": given})}
    if isinstance(value, dict):
        for key, inner in properties.items():
            if key not in value and "default" in inner:
                value[key] = default(inner)
    return value
