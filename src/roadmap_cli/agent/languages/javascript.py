"""JavaScript and TypeScript: their parts, what types show, and the slips that only they have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from roadmap_cli.agent.code.source import Edit
from roadmap_cli.agent.languages.expressions import Parts
from roadmap_cli.agent.languages.operators import twins
from roadmap_cli.agent.languages.statements import Statements
from roadmap_cli.agent.languages.syntax import Binding, Tree, parser, walk

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_FUNCTIONS = frozenset(
    {"function_declaration", "function_expression", "arrow_function", "method_definition", "function",
     "generator_function", "generator_function_declaration"}
)  # fmt: skip
_TWINS = twins((
    "push unshift", "shift pop", "push concat", "slice splice", "slice substring substr", "min max", "floor ceil round",
    "floor trunc", "indexOf lastIndexOf", "every some", "find findLast filter", "findIndex findLastIndex",
    "map forEach",
    "map flatMap", "keys values entries", "toUpperCase toLowerCase", "trimStart trimEnd trim", "padStart padEnd",
    "startsWith endsWith includes", "charAt charCodeAt", "parseInt parseFloat Number", "isNaN isFinite",
    "isInteger isNaN",
    "has get", "set add", "delete clear", "reduce reduceRight", "replace replaceAll", "match matchAll", "sin cos",
    "sqrt cbrt abs", "log log2 log10", "pow max", "MAX_SAFE_INTEGER MIN_SAFE_INTEGER", "MAX_VALUE MIN_VALUE",
    "getDate getDay", "getMonth getDate", "setDate setMonth", "all allSettled race any", "then catch finally",
    "Array Set Map", "exec test", "call apply", "length size", "assign create", "includes has",
    "fromCharCode charCodeAt",
))  # fmt: skip
_EXTRA = {
    "===": (("==", 0.5),), "==": (("===", 1.5), ("!==", 0.8)), "!=": (("!==", 1.5), ("===", 0.8)),
    "!==": (("!=", 0.4),), "*": (("**", 1.0),), "**": (("*", 1.5),), "??": (("||", 1.0), ("&&", 0.8)),
    "||": (("??", 0.6),), "&&": (("??", 0.2),), ">>": ((">>>", 1.0),), ">>>": ((">>", 1.0), ("<<", 1.0)),
    "&": (("&&", 1.0),), "|": (("||", 1.0),), "^": (("**", 0.8),), "in": (("of", 0.2),),
}  # fmt: skip
_PARTS = Parts(
    functions=_FUNCTIONS, numbers=frozenset({"number"}), texts=frozenset({"string"}),
    simple=frozenset({"identifier", "this", "member_expression", "subscript_expression", "call_expression", "array",
                      "parenthesized_expression", "true", "false", "null", "undefined", "template_string", "regex"}),
    member="member_expression", member_object="object", member_name="property", subscript="subscript_expression",
    subscript_object="object", empty=frozenset({"null", "undefined"}), twins=_TWINS, extra=_EXTRA,
)  # fmt: skip
_NUMBER_CALLS = re.compile(
    r"(Math\.\w+|parseInt|parseFloat|Number|.*\.(indexOf|lastIndexOf|findIndex|charCodeAt|codePointAt|getTime))\Z", re.S
)
_TEXT_CALLS = re.compile(
    r"(String|.*\.(toString|toUpperCase|toLowerCase|trim|trimStart|trimEnd|charAt|substring|substr|join|repeat|toFixed"
    r"|padStart|padEnd|replace|replaceAll|fromCharCode))\Z", re.S
)  # fmt: skip
_LIST_CALLS = re.compile(
    r"(Array\.from|Object\.(keys|values|entries)|Array|.*\.(split|map|filter|sort|reverse|flat|flatMap|concat|splice))\Z",
    re.S,
)
_BOOL_CALLS = re.compile(
    r"(Boolean|isNaN|.*\.(includes|has|every|some|startsWith|endsWith|isInteger|isArray|isNaN|test))\Z", re.S
)
_LIST_METHODS = {"push", "pop", "shift", "unshift", "splice", "sort", "reverse", "map", "filter", "forEach", "reduce",
                 "every", "some", "join", "fill", "find", "findIndex", "flat"}  # fmt: skip
_TEXT_METHODS = {"charAt", "charCodeAt", "toUpperCase", "toLowerCase", "trim", "split", "substring", "substr",
                 "padStart",
                 "padEnd", "repeat", "replace", "startsWith", "endsWith"}  # fmt: skip
_SIZED = ("list", "string")


class JavaScript:
    """The language, and its dialects: javascript, typescript, tsx."""

    def __init__(self, name: str = "javascript") -> None:
        self.name = name
        self._parser: Parser | None = None

    def parse(self, name: str, content: bytes) -> Tree:
        """The file as a tree. Raises Unavailable without its grammar, DataError if it is not UTF-8."""
        if self._parser is None:
            if self.name == "javascript":
                self._parser = parser("tree_sitter_javascript")
            else:
                self._parser = parser("tree_sitter_typescript", f"language_{self.name}")
        return Tree(name, content, self._parser, _FUNCTIONS)

    def edits(self, tree: Tree, lines: Collection[int]) -> Iterator[Edit]:
        """Every edit at the given lines that a template knows."""
        yield from _Edits(tree, lines).edits()


class _Edits(Statements):
    parts = _PARTS
    stop = ";"

    def __init__(self, tree: Tree, lines: Collection[int]) -> None:
        super().__init__(tree, lines, ())
        self._kinds: dict[str, set[str]] = {}
        self._evidence()
        self.bindings = sorted(self._bindings(), key=lambda each: (each.start, each.name))
        self._strict = b"===" in tree.content or b"!==" in tree.content or b"==" not in tree.content

    def spelled(self, operator: str) -> str:
        return {"==": "===", "!=": "!=="}.get(operator, operator) if self._strict else operator

    def common(self, operator: str) -> str:
        return {"===": "==", "!==": "!=", ">>>": ">>"}.get(operator, operator)

    def fits(self, one: str | None, other: str | None) -> float:
        if one == "sized" or other == "sized":
            return 0.8 if one in (None, "sized", *_SIZED) and other in (None, "sized", *_SIZED) else 0.0
        return super().fits(one, other)

    def is_counted(self, kind: str | None) -> bool:
        return kind in (None, "number")

    def length(self, text: str) -> str:
        return f"{text}.length"

    # -- types -----------------------------------------------------------------------------------------------------

    def kind(self, node: Node) -> str | None:
        node = self.bare(node)
        match node.type:
            case "number" | "update_expression":
                return "number"
            case "string" | "template_string":
                return "string"
            case "array":
                return "list"
            case "object":
                return "object"
            case "true" | "false":
                return "bool"
            case "arrow_function" | "function_expression" | "class":
                return "function"
            case "unary_expression":
                return {"!": "bool", "-": "number", "+": "number", "~": "number", "typeof": "string"}.get(
                    self.operator(node)
                )
            case "binary_expression":
                return self._binary_kind(node)
            case "member_expression":
                return "number" if self.text(node).endswith((".length", ".size")) else None
            case "call_expression":
                function = node.child_by_field_name("function")
                return self._call_kind(self.text(function)) if function is not None else None
            case "identifier":
                name = self.text(node)
                found = [b for b in self.bindings if b.name == name and b.start <= node.start_byte < b.end]
                return max(found, key=lambda b: b.start).kind if found else None
        return None

    def _binary_kind(self, node: Node) -> str | None:
        operator = self.operator(node)
        if operator in ("<", ">", "<=", ">=", "==", "===", "!=", "!==", "in", "instanceof"):
            return "bool"
        if operator in ("-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>", ">>>"):
            return "number"
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        kinds = [self.kind(side) for side in (left, right) if side is not None]
        if operator == "+":
            return "string" if "string" in kinds else "number" if kinds == ["number", "number"] else None
        return kinds[0] if len(set(kinds)) == 1 else None

    @staticmethod
    def _call_kind(name: str) -> str | None:
        for kind, pattern in (("number", _NUMBER_CALLS), ("string", _TEXT_CALLS), ("list", _LIST_CALLS),
                              ("bool", _BOOL_CALLS)):  # fmt: skip
            if pattern.match(name):
                return kind
        return None

    def _evidence(self) -> None:
        """What the uses of names tell of their types."""
        for node in walk(self.tree.root):
            if node.type == "identifier" and node.parent is not None:
                kind = self._used_as(node, node.parent)
                if kind:
                    self._kinds.setdefault(self.text(node), set()).add(kind)

    def _used_as(self, node: Node, parent: Node) -> str | None:
        if parent.type == "member_expression" and parent.child_by_field_name("object") == node:
            name = parent.child_by_field_name("property")
            word = self.text(name) if name is not None else ""
            if word in _LIST_METHODS:
                return "list"
            return "string" if word in _TEXT_METHODS else "sized" if word == "length" else None
        if parent.type == "subscript_expression":
            return "number" if parent.child_by_field_name("index") == node and "." not in self.text(parent) else None
        if parent.type == "binary_expression":
            operator = self.operator(parent)
            if operator in ("-", "*", "/", "%", "**", "<<", ">>", "&", "|"):
                return "number"
            other = parent.child_by_field_name("right" if parent.child_by_field_name("left") == node else "left")
            if operator != "+" and other is not None and other.type in ("number", "string"):
                return other.type
        return "number" if parent.type == "update_expression" else None

    def _by_use(self, name: str) -> str | None:
        kinds = self._kinds.get(name, set())
        if len(kinds) > 1:
            kinds = kinds - {"sized"}
        return next(iter(kinds)) if len(kinds) == 1 else None

    # -- names -----------------------------------------------------------------------------------------------------

    def _bindings(self) -> Iterator[Binding]:
        for node in walk(self.tree.root):
            match node.type:
                case "variable_declarator":
                    yield from self._declared(node)
                case "for_in_statement":
                    left, body = node.child_by_field_name("left"), node.child_by_field_name("body")
                    if left is not None and body is not None:
                        for name in self._names(left):
                            kind = "string" if self.operator(node) == "in" else self._by_use(self.text(name))
                            yield Binding(self.text(name), kind, body.start_byte, body.end_byte)
                case "class_declaration":
                    name_node, around = node.child_by_field_name("name"), node.parent
                    if name_node is not None and around is not None:
                        yield Binding(self.text(name_node), "class", around.start_byte, around.end_byte, True)
            if node.type in _FUNCTIONS:
                yield from self._of_function(node)

    def _declared(self, node: Node) -> Iterator[Binding]:
        name, value, statement = node.child_by_field_name("name"), node.child_by_field_name("value"), node.parent
        if name is None or statement is None or statement.parent is None:
            return
        around = statement.parent if statement.type == "lexical_declaration" else self.function_of(statement)
        fixed = statement.type == "lexical_declaration" and self.text(statement).startswith("const")
        for each in self._names(name):
            known = self.kind(value) if value is not None and each == name else None
            if known is None and value is not None and value.type == "new_expression":
                known = "object"
            start = around.start_byte if known == "function" else node.end_byte
            yield Binding(self.text(each), known or self._by_use(self.text(each)), start, around.end_byte, fixed)

    def _of_function(self, node: Node) -> Iterator[Binding]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        parameters = node.child_by_field_name("parameters") or node.child_by_field_name("parameter")
        if name is not None and node.type != "method_definition":
            around = node.parent if node.type != "function_expression" and node.parent is not None else node
            yield Binding(self.text(name), "function", around.start_byte, around.end_byte, True)
        if parameters is not None and body is not None:
            for each in self._names(parameters):
                yield Binding(self.text(each), self._parameter_kind(each), body.start_byte, body.end_byte)

    def _parameter_kind(self, name: Node) -> str | None:
        parent = name.parent
        if parent is not None:
            given = parent.child_by_field_name("type")
            if given is not None:
                text = self.text(given).lstrip(": ")
                plain = {"number": "number", "string": "string", "boolean": "bool"}.get(text)
                return plain or ("list" if text.endswith("[]") or text.startswith("Array<") else f"type {text}")
            default = parent.child_by_field_name("right")
            if default is not None and default != name:
                return self.kind(default) or self._by_use(self.text(name))
            if parent.type == "rest_pattern":
                return "list"
        return self._by_use(self.text(name))

    def _names(self, pattern: Node) -> Iterator[Node]:
        """The names that a pattern binds; default values are none of them."""
        if pattern.type in ("identifier", "shorthand_property_identifier_pattern"):
            yield pattern
            return
        if pattern.type in ("type_annotation", "predefined_type"):
            return
        for child in pattern.named_children:
            left = pattern.child_by_field_name("left")
            named = pattern.child_by_field_name("key")
            typed = pattern.child_by_field_name("pattern")
            if child != named and (left is None or child == left) and (typed is None or child == typed):
                yield from self._names(child)

    def use(self, node: Node) -> str:
        parent = node.parent
        if parent is None:
            return ""
        match parent.type:
            case "call_expression" | "new_expression":
                called = parent.child_by_field_name("function") or parent.child_by_field_name("constructor")
                return "called" if called == node else "read"
            case "assignment_expression" | "augmented_assignment_expression":
                return "written" if parent.child_by_field_name("left") == node else "read"
            case "update_expression":
                return "written"
            case "variable_declarator":
                return "read" if parent.child_by_field_name("value") == node else ""
            case "for_in_statement":
                return "read" if parent.child_by_field_name("right") == node else ""
            case "assignment_pattern":
                return "read" if parent.child_by_field_name("right") == node else ""
            case "arrow_function":
                return "read" if parent.child_by_field_name("body") == node else ""
            case "labeled_statement" | "required_parameter" | "optional_parameter":
                return ""
        declared = {"formal_parameters", "rest_pattern", "array_pattern", "object_pattern", "import_specifier",
                    "export_specifier", "import_clause", "namespace_import", "catch_clause", "pair_pattern",
                    "class_declaration", "class", *_FUNCTIONS}  # fmt: skip
        return "" if parent.type in declared else "read"

    def place(self, node: Node) -> str:
        parent = node.parent
        if parent is None:
            return ""
        match parent.type:
            case "return_statement":
                return "return"
            case "arrow_function" if parent.child_by_field_name("body") == node:
                return "return"
            case "variable_declarator" if parent.child_by_field_name("value") == node:
                return "assign"
            case "assignment_expression" | "augmented_assignment_expression" if (
                parent.child_by_field_name("right") == node):  # fmt: skip
                return "assign"
            case "arguments":
                return "argument"
            case "ternary_expression" if parent.child_by_field_name("condition") != node:
                return "return"
            case "binary_expression" if node.type == "identifier" and self.common(self.operator(parent)) in "+-*/%":
                return "operand"
        return ""

    # -- only here -------------------------------------------------------------------------------------------------

    def of(self, node: Node) -> Iterator[Edit]:
        yield from super().of(node)
        if not self.begins(node):
            return
        match node.type:
            case "binary_expression" if self.operator(node) == "/":
                for word in ("floor", "ceil"):
                    yield self.put(node, f"Math.{word}({self.text(node)})", "floor", 1.0 if word == "floor" else 0.4)
            case "update_expression":
                operator = node.child_by_field_name("operator")
                if operator is not None:
                    yield self.put(operator, "--" if self.text(operator) == "++" else "++", "augmented", 1.8)
            case "ternary_expression":
                one, two = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
                if one is not None and two is not None:
                    gap = self.tree.between(one.end_byte, two.start_byte)
                    swapped = self.text(two) + gap + self.text(one)
                    yield Edit(one.start_byte, two.end_byte, swapped, "swap_branches", 1.0,
                               one.start_point[0] + 1)  # fmt: skip
                    for kept in (one, two):
                        yield self.put(node, self.grouped(kept), "drop_condition", 0.4)
            case "variable_declarator":
                yield from self._initial(node)
            case "assignment_expression":
                left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
                if left is not None and right is not None:
                    for word, weight in ((" += ", 0.7), (" -= ", 0.2)):
                        yield Edit(left.end_byte, right.start_byte, word, "accumulate", weight, node.start_point[0] + 1)
            case "for_in_statement":
                over = node.child_by_field_name("operator")
                if over is not None:
                    yield self.put(over, "of" if self.text(over) == "in" else "in", "for_in_of", 2.0)
            case "expression_statement" if node.named_children[0].type in ("call_expression", "identifier"):
                yield self.put(node, f"return {self.text(node)}", "add_return", 0.9)
            case "lexical_declaration":
                yield from self._shadow(node)
            case "null" | "undefined":
                for text in ("0", "[]", "''", "false", "null", "undefined", "-1"):
                    if text != self.text(node):
                        yield self.put(node, text, "initial_value", 0.3)
            case "array" if node.named_child_count == 0:
                for text in ("null", "''", "0", "[[]]"):
                    yield self.put(node, text, "initial_value", 0.2)
            case "await_expression":
                yield self.put(node, self.text(node.named_children[0]), "await", 0.3)
            case "member_expression" if self.text(node).endswith(".length") and self._adds(node):
                for step in (" + 1", " - 1"):
                    yield self.put(node, self.text(node) + step, "bound_step", 0.5)

    @staticmethod
    def _adds(node: Node) -> bool:
        parent = node.parent
        return parent is not None and parent.type in ("binary_expression", "arguments")

    def _shadow(self, node: Node) -> Iterator[Edit]:
        """A declaration that hides a name from further out instead of assigning to it."""
        for declarator in node.named_children:
            name = declarator.child_by_field_name("name")
            if name is not None and any(b.name == self.text(name) and not b.fixed for b in self.visible(node)):
                yield Edit(node.start_byte, name.start_byte, "", "shadow", 1.5, node.start_point[0] + 1)

    def _initial(self, node: Node) -> Iterator[Edit]:
        value, statement = node.child_by_field_name("value"), node.parent
        if value is None or statement is None:
            return
        around = statement.parent
        in_loop = around is not None and around.type == "for_statement"
        if self.kind(value) != "number":
            return
        numbers = [b for b in self.visible(node) if b.kind in (None, "number", "list", "string", "sized")]
        for binding in numbers:
            if in_loop and binding.kind in (None, "number"):
                for step, weight in ((" + 1", 0.6), ("", 0.3)):
                    yield self.put(value, binding.name + step, "loop_start", weight)
            elif binding.kind in ("list", "string", "sized"):
                if in_loop:
                    yield self.put(value, f"{binding.name}.length - 1", "loop_start", 0.4)
                elif value.type in ("number", "unary_expression"):
                    yield self.put(value, f"{binding.name}[0]", "initial_value", 0.6)
        if not in_loop and value.type in ("number", "unary_expression"):
            for text in ("Infinity", "-Infinity", "null"):
                yield self.put(value, text, "initial_value", 0.5)

    def call(self, node: Node, arguments: list[Node]) -> Iterator[Edit]:
        function = node.child_by_field_name("function")
        if function is None:
            return
        own = self.text(function)
        method = own.rpartition(".")[2]
        for at, argument in enumerate(arguments):
            if len(arguments) > 1:
                start = argument.start_byte if at == 0 else arguments[at - 1].end_byte
                end = arguments[1].start_byte if at == 0 else argument.end_byte
                yield Edit(start, end, "", "drop_argument", 0.5, argument.start_point[0] + 1)
            if method in ("slice", "substring", "substr", "splice", "charAt", "at", "charCodeAt", "fill"):
                for step in (" + 1", " - 1"):
                    yield self.put(argument, self.grouped(argument) + step, "slice", 1.5)
        if len(arguments) == 1 and arguments[0].type not in ("arrow_function", "function_expression"):
            yield self.put(node, self.grouped(arguments[0]), "drop_call", 0.6)
        if function.type == "member_expression":
            owner = function.child_by_field_name("object")
            if owner is not None and owner.type != "identifier":
                yield self.put(node, self.text(owner), "drop_call", 0.6)
            elif owner is not None and not own.startswith(("Math.", "Object.", "Number.", "Array.", "console.")):
                yield self.put(node, self.text(owner), "drop_call", 0.5)
            if method == "sort" and not arguments:
                yield self.put(node, f"{self.text(node)[:-1]}(a, b) => a - b)", "sort_numbers", 2.0)
            if method in ("slice", "substring") and owner is not None:
                first = self.text(arguments[0]) if arguments else "0"
                if len(arguments) < 2:
                    yield self.put(node, f"{own}({first}, -1)", "slice", 0.6)
                    yield self.put(node, f"{own}({'1' if not arguments else ''})", "slice", 0.6)
                elif self.kind(arguments[1]) in (None, "number"):
                    both = f"{self.grouped(arguments[0])} + {self.grouped(arguments[1])}"
                    yield self.put(arguments[1], both, "slice", 0.6)
            if method in ("split", "join"):
                for text in ("''", "' '", "','"):
                    if not arguments or self.text(arguments[0]) != text:
                        yield self.put(node, f"{own}({text})", "text", 0.5)
            if method in ("filter", "map", "slice") and owner is not None:
                yield self.put(node, f"{self.text(node)}.reverse()", "add_call", 0.1)
            if method in ("toString", "parseInt") and not arguments:
                yield self.put(node, f"{own}(2)", "number", 0.4)
        if own in ("Math.max", "Math.min") and len(arguments) == 2:
            for argument in arguments:
                yield self.put(node, self.grouped(argument), "drop_call", 0.6)

    def guards(self, node: Node, first: Node) -> Iterator[str]:
        block = self.block_of(node)
        last = block[-1] if block and block[-1].type == "return_statement" else None
        value = self.returned(last) if last is not None else None
        kind = self.kind(value) if value is not None else None
        values = {"number": ("0", "-1"), "string": ("''",), "list": ("[]",), "bool": ("false", "true")}.get(
            kind or "", ("null", "[]", "0", "false")
        )
        for binding in [b for b in self.visible(first) if b.start == first.parent.start_byte] if first.parent else []:
            empty = (f"{binding.name}.length === 0",)
            counted = (f"{binding.name} <= 0", f"{binding.name} === 1")
            by_kind = {"number": counted, "list": empty, "string": empty, "sized": empty}
            tests = by_kind.get(binding.kind or "", (f"!{binding.name}",))
            for test in tests:
                for text in values:
                    yield f"if ({test}) return {text};"

    def missing_return(self, node: Node, last: Node) -> Iterator[Edit]:
        if last.type in ("return_statement", "throw_statement"):
            return
        indent = self.tree.indent(last)
        for binding in self.visible(last):
            if binding.kind != "function" and binding.start >= node.start_byte:
                yield Edit(last.end_byte, last.end_byte, f"\n{indent}return {binding.name};", "missing_return", 1.0,
                           last.start_point[0] + 1)  # fmt: skip
