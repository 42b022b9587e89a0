"""Go: its parts, its types as far as one function shows them, and the slips that only it has."""

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

_FUNCTIONS = frozenset({"function_declaration", "method_declaration", "func_literal"})
_TWINS = twins((
    "Index LastIndex", "IndexByte LastIndexByte", "IndexAny LastIndexAny", "Contains ContainsAny",
    "HasPrefix HasSuffix",
    "TrimLeft TrimRight Trim", "TrimPrefix TrimSuffix", "Split SplitN SplitAfter Fields", "ToUpper ToLower ToTitle",
    "Max Min", "Floor Ceil Round Trunc", "Replace ReplaceAll", "Ints Strings Float64s", "MaxInt64 MinInt64",
    "MaxInt32 MinInt32", "MaxInt MinInt", "MaxFloat64 SmallestNonzeroFloat64", "IsUpper IsLower", "IsDigit IsLetter",
    "IsDigit IsNumber", "Sin Cos", "Sqrt Cbrt Abs", "Log Log2 Log10", "Print Println Sprint", "Sprint Sprintln",
    "Before After", "Lock Unlock", "RLock RUnlock", "Lock RLock", "Add Sub", "Seconds Minutes Hours", "len cap",
    "PushBack PushFront", "Front Back", "Next Prev", "InsertBefore InsertAfter", "SliceStable Slice",
    "Search SearchInts",
    "Equal EqualFold", "Count Index",
    "int int64", "float64 float32", "Done Add", "Errorf Sprintf", "Title ToUpper",
))  # fmt: skip
_EXTRA = {"&": (("&^", 0.5), ("&&", 0.2)), "&^": (("&", 1.5), ("|", 0.8)), "%": (("*", 0.2),)}
_PARTS = Parts(
    functions=_FUNCTIONS, numbers=frozenset({"int_literal", "float_literal"}),
    texts=frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"}),
    simple=frozenset({"identifier", "selector_expression", "index_expression", "call_expression", "slice_expression",
                      "parenthesized_expression", "true", "false", "nil", "composite_literal",
                      "type_conversion_expression"}),
    member="selector_expression", member_object="operand", member_name="field", subscript="index_expression",
    subscript_object="operand", empty=frozenset({"nil"}), twins=_TWINS, extra=_EXTRA,
)  # fmt: skip
_NUMBERS = re.compile(r"(u?int(8|16|32|64)?|float(32|64)|byte|rune)\Z")
_RESULTS = {
    "len": "int", "cap": "int", "string": "string", "strings.Index": "int", "strings.LastIndex": "int",
    "strings.Count": "int", "strings.Split": "[]string", "strings.Fields": "[]string", "strings.Repeat": "string",
    "strings.ToLower": "string", "strings.ToUpper": "string", "strings.Join": "string", "strings.TrimSpace": "string",
    "strings.Trim": "string", "strings.Replace": "string", "strings.ReplaceAll": "string", "strings.Contains": "bool",
    "strings.HasPrefix": "bool", "strings.HasSuffix": "bool", "strconv.Itoa": "string", "fmt.Sprintf": "string",
    "fmt.Sprint": "string", "unicode.IsUpper": "bool", "unicode.IsLower": "bool", "unicode.IsDigit": "bool",
}  # fmt: skip
_UNIVERSE = frozenset(("nil", "iota", "_", "true", "false", "len", "cap", "append", "string", "int", "error"))
_BOOLEAN = ("<", ">", "<=", ">=", "==", "!=", "&&", "||")


class Go:
    """The language."""

    name = "go"

    def __init__(self) -> None:
        self._parser: Parser | None = None

    def parse(self, name: str, content: bytes) -> Tree:
        """The file as a tree. Raises Unavailable without its grammar, DataError if it is not UTF-8."""
        if self._parser is None:
            self._parser = parser("tree_sitter_go")
        return Tree(name, content, self._parser, _FUNCTIONS)

    def edits(self, tree: Tree, lines: Collection[int]) -> Iterator[Edit]:
        """Every edit at the given lines that a template knows."""
        yield from _Edits(tree, lines).edits()


class _Edits(Statements):
    parts = _PARTS

    def __init__(self, tree: Tree, lines: Collection[int]) -> None:
        super().__init__(tree, lines, ())
        self._results = self._functions()
        found: list[Binding] = []
        self.bindings = found  # grows while it is read: later names have their types from earlier ones
        found.extend(self._bindings())
        self.bindings = sorted(found, key=lambda each: (each.start, each.name))

    def is_counted(self, kind: str | None) -> bool:
        return kind is None or bool(_NUMBERS.match(kind)) or kind == "number"

    def fits(self, one: str | None, other: str | None) -> float:
        for first, second in ((one, other), (other, one)):
            if first == "number":  # an untyped constant
                return 1.0 if second == "number" or (second and _NUMBERS.match(second)) else 0.5 if not second else 0.0
        return super().fits(one, other)

    def length(self, text: str) -> str:
        return f"len({text})"

    # -- types -----------------------------------------------------------------------------------------------------

    def kind(self, node: Node) -> str | None:
        node = self.bare(node)
        match node.type:
            case "int_literal":
                return "number"
            case "float_literal":
                return "float64"
            case "interpreted_string_literal" | "raw_string_literal":
                return "string"
            case "rune_literal":
                return "rune"
            case "true" | "false":
                return "bool"
            case "nil":
                return None
            case "func_literal":
                return "function"
            case "composite_literal" | "type_conversion_expression":
                given = node.child_by_field_name("type")
                return self.text(given) if given is not None else None
            case "unary_expression":
                operand = node.child_by_field_name("operand")
                if self.operator(node) == "!":
                    return "bool"
                return self.kind(operand) if operand is not None and self.operator(node) in "+-^" else None
            case "binary_expression":
                if self.operator(node) in _BOOLEAN:
                    return "bool"
                sides = [node.child_by_field_name(side) for side in ("left", "right")]
                kinds = [self.kind(side) for side in sides if side is not None]
                return next((kind for kind in kinds if kind and kind != "number"), kinds[0] if kinds else None)
            case "identifier":
                name = self.text(node)
                known = [b for b in self.bindings if b.name == name and b.start <= node.start_byte < b.end]
                return max(known, key=lambda b: b.start).kind if known else None
            case "index_expression":
                operand = node.child_by_field_name("operand")
                return self._element(self.kind(operand)) if operand is not None else None
            case "slice_expression":
                operand = node.child_by_field_name("operand")
                return self.kind(operand) if operand is not None else None
            case "call_expression":
                return self._call_kind(node)
        return None

    def _call_kind(self, node: Node) -> str | None:
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or arguments is None:
            return None
        name = self.text(function)
        first = arguments.named_children[0] if arguments.named_children else None
        if first is not None and name == "append":
            return self.kind(first)
        if first is not None and name in ("make", "new"):
            return self.text(first) if name == "make" else f"*{self.text(first)}"
        if _NUMBERS.match(name) or name.startswith("[]"):
            return name
        if name in _RESULTS:
            return _RESULTS[name]
        return "float64" if name.startswith("math.") else self._results.get(name)

    @staticmethod
    def _element(kind: str | None) -> str | None:
        if kind is None:
            return None
        if kind == "string":
            return "byte"
        found = re.match(r"(?:\[[^\]]*\]|map\[[^\]]*\])(.+)\Z", kind)
        return found[1] if found else None

    def _functions(self) -> dict[str, str]:
        """What functions of this file return, where it is one value."""
        found = {}
        for node in self.tree.root.named_children:
            name, result = node.child_by_field_name("name"), node.child_by_field_name("result")
            if node.type != "function_declaration" or name is None or result is None:
                continue
            if result.type != "parameter_list":
                found[self.text(name)] = self.text(result)
        return found

    # -- names -----------------------------------------------------------------------------------------------------

    def _bindings(self) -> Iterator[Binding]:
        for node in walk(self.tree.root):
            match node.type:
                case "function_declaration":
                    name = node.child_by_field_name("name")
                    if name is not None:
                        yield Binding(self.text(name), "function", 0, self.tree.root.end_byte, True)
                case "parameter_declaration" | "variadic_parameter_declaration":
                    yield from self._parameters(node)
                case "short_var_declaration":
                    yield from self._short(node)
                case "var_spec" | "const_spec":
                    yield from self._spec(node)
                case "range_clause":
                    yield from self._range(node)

    def _parameters(self, node: Node) -> Iterator[Binding]:
        here: Node | None = node
        while here is not None and here.type not in _FUNCTIONS:
            here = here.parent
        given, body = node.child_by_field_name("type"), here.child_by_field_name("body") if here is not None else None
        if given is None or body is None:
            return
        variadic = "[]" if node.type.startswith("variadic") else ""
        for name in node.children_by_field_name("name"):
            kind = "function" if given.type == "function_type" else variadic + self.text(given)
            yield Binding(self.text(name), kind, body.start_byte, body.end_byte)

    def _around(self, node: Node) -> Node:
        """The block (or the statement with a head) that a declaration is seen in."""
        here = node.parent
        while here is not None and here.parent is not None and here.type not in (
            "block", "if_statement", "for_statement", "expression_switch_statement", "expression_case", "default_case",
            "type_switch_statement", "communication_case"):  # fmt: skip
            here = here.parent
        return here if here is not None else self.tree.root

    def _short(self, node: Node) -> Iterator[Binding]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        names, values = left.named_children, right.named_children
        around = self._around(node)
        for at, name in enumerate(names):
            kind = self.kind(values[at]) if len(values) == len(names) else None
            if len(values) == 1 and len(names) == 2 and at == 1 and values[0].type == "index_expression":
                kind = "bool"  # v, ok := m[k]
            if self.text(name) != "_":
                kind = "int" if kind == "number" else kind
                yield Binding(self.text(name), kind, node.end_byte, around.end_byte)

    def _spec(self, node: Node) -> Iterator[Binding]:
        given, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        around = self._around(node)
        names = node.children_by_field_name("name")
        for at, name in enumerate(names):
            kind = self.text(given) if given is not None else None
            if kind is None and value is not None and len(value.named_children) == len(names):
                kind = self.kind(value.named_children[at])
                kind = "int" if kind == "number" and node.type == "var_spec" else kind
            if self.text(name) != "_":
                top = around.parent is None
                start = 0 if top else node.end_byte
                yield Binding(self.text(name), kind, start, around.end_byte, node.type == "const_spec")

    def _range(self, node: Node) -> Iterator[Binding]:
        left, right, loop = node.child_by_field_name("left"), node.child_by_field_name("right"), node.parent
        if left is None or right is None or loop is None or ":=" not in self.text(node):
            return
        over = self.kind(right)
        key = re.match(r"map\[([^\]]*)\]", over or "")
        kinds = [key[1] if key else "int" if over and not over.startswith("chan") else None,
                 "rune" if over == "string" else self._element(over)]  # fmt: skip
        for name, kind in zip(left.named_children, kinds, strict=False):
            if self.text(name) != "_":
                yield Binding(self.text(name), kind, node.end_byte, loop.end_byte)

    def use(self, node: Node) -> str:
        parent = node.parent
        if parent is None:
            return ""
        match parent.type:
            case "call_expression":
                return "called" if parent.child_by_field_name("function") == node else "read"
            case "inc_statement" | "dec_statement":
                return "written"
            case "expression_list":
                owner = parent.parent
                if owner is None or owner.child_by_field_name("left") != parent:
                    return "read"
                return "written" if owner.type == "assignment_statement" else ""
            case "parameter_declaration" | "variadic_parameter_declaration" | "function_declaration" | "var_spec":
                return ""
            case "keyed_element" | "literal_element" | "const_spec" | "package_clause" | "label_name":
                return "read" if parent.type == "literal_element" else ""
        return "read"

    def is_unknown(self, node: Node) -> bool:
        parent = node.parent
        return parent is not None and parent.type != "selector_expression" and self.text(node) not in _UNIVERSE

    def place(self, node: Node) -> str:
        parent = node.parent
        if parent is None:
            return ""
        if parent.type == "expression_list" and parent.parent is not None:
            owner = parent.parent
            if owner.type == "return_statement":
                return "return"
            if owner.child_by_field_name("right") == parent or owner.child_by_field_name("value") == parent:
                return "assign" if owner.type != "range_clause" else ""
            return ""
        if parent.type == "argument_list":
            return "argument"
        if parent.type == "slice_expression" and parent.child_by_field_name("operand") != node:
            return "argument"
        if parent.type == "binary_expression" and node.type == "identifier" and self.operator(parent) in "+-*/%":
            return "operand"
        return ""

    # -- only here -------------------------------------------------------------------------------------------------

    def condition_of(self, node: Node) -> Node | None:
        if node.type != "for_statement":
            return super().condition_of(node)
        clause = next((child for child in node.named_children if child.type == "for_clause"), None)
        if clause is not None:
            return clause.child_by_field_name("condition")
        plain = [child for child in node.named_children if child.type not in ("block", "range_clause", "comment")]
        return self.bare(plain[0]) if len(plain) == 1 else None

    def is_tested(self, node: Node) -> bool:
        parent = node.parent
        if parent is not None and parent.type in ("for_statement", "for_clause") and node.type != "block":
            return self.condition_of(parent if parent.type == "for_statement" else node) == node or (
                parent.child_by_field_name("condition") == node)  # fmt: skip
        if parent is not None and parent.type == "expression_list" and parent.parent is not None and (
            parent.parent.type == "expression_case"):  # fmt: skip
            return True
        return super().is_tested(node)

    def returned(self, node: Node) -> Node | None:
        values = node.named_children[0] if node.named_child_count == 1 else None
        return values.named_children[0] if values is not None and values.named_child_count == 1 else None

    def of(self, node: Node) -> Iterator[Edit]:
        yield from super().of(node)
        if not self.begins(node):
            return
        match node.type:
            case "inc_statement" | "dec_statement":
                sign = node.children[-1]
                yield self.put(sign, "--" if self.text(sign) == "++" else "++", "augmented", 1.8)
            case "slice_expression":
                yield from self._slice(node)
            case "short_var_declaration" | "var_spec":
                yield from self._initial(node)
            case "assignment_statement":
                yield from self._assigned(node)
            case "range_clause":
                yield from self._ranged(node)
            case "binary_expression" if self.operator(node) == "/" and self.kind(node) in ("int", "number"):
                right = node.child_by_field_name("right")
                if right is not None:
                    yield self.put(
                        node, f"({self.text(node)[: -len(self.text(right))]}{self.text(right)} + 1)", "step", 0.3
                    )
            case "nil":
                for binding in self.visible(node):
                    if binding.kind in (None, "error") or (binding.kind or "").startswith(("[]", "map", "*")):
                        yield self.put(node, binding.name, "initial_value", 0.4)
            case "composite_literal" if self.text(node).endswith("{}") and self.place(node) == "return":
                yield self.put(node, "nil", "initial_value", 0.4)
            case "go_statement" | "defer_statement":
                yield self.put(node, self.text(node.named_children[0]), "drop_keyword", 0.6)
            case "expression_statement" if node.named_children[0].type == "call_expression":
                yield self.put(node, f"return {self.text(node)}", "add_return", 0.5)
                if b"Unlock" in node.text if node.text else False:
                    yield self.put(node, f"defer {self.text(node)}", "add_keyword", 0.4)

    def _slice(self, node: Node) -> Iterator[Edit]:
        operand = node.child_by_field_name("operand")
        low, high = node.child_by_field_name("start"), node.child_by_field_name("end")
        if operand is None or node.child_by_field_name("capacity") is not None:
            return
        base = self.text(operand)
        first, last = (self.text(part) if part is not None else "" for part in (low, high))
        variants: list[tuple[str, str, float]] = [(last, first, 0.5)] if first or last else []
        if first:
            variants += [(f"{first} + 1", last, 1.8), (f"{first} - 1", last, 1.5), ("", last, 0.8)]
        else:
            variants += [("1", last, 1.2)]
        if last:
            variants += [(first, f"{last} + 1", 1.8), (first, f"{last} - 1", 1.5), (first, "", 0.8)]
        else:
            variants += [(first, f"len({base}) - 1", 1.0)]
        for start, end, weight in variants:
            yield self.put(node, f"{base}[{start}:{end}]", "slice", weight)

    def _initial(self, node: Node) -> Iterator[Edit]:
        right = node.child_by_field_name("right") or node.child_by_field_name("value")
        if right is None or right.named_child_count != 1:
            return
        value = right.named_children[0]
        loop = node.parent is not None and node.parent.type == "for_clause"
        kind = self.kind(value)
        if not self.is_counted(kind) or kind is None:
            return
        for binding in self.visible(node):
            if loop and binding.kind == "int":
                for step, weight in ((" + 1", 0.6), ("", 0.3)):
                    yield self.put(value, binding.name + step, "loop_start", weight)
            elif (binding.kind or "").startswith("[]") or binding.kind == "string":
                if loop:
                    yield self.put(value, f"len({binding.name}) - 1", "loop_start", 0.4)
                elif value.type in ("int_literal", "float_literal", "unary_expression") and binding.kind != "string":
                    yield self.put(value, f"{binding.name}[0]", "initial_value", 0.6)
        if not loop and b'"math"' in self.tree.content and value.type in ("int_literal", "unary_expression"):
            for text in ("math.MaxInt64", "math.MinInt64"):
                yield self.put(value, text, "initial_value", 0.4)

    def _assigned(self, node: Node) -> Iterator[Edit]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None or left.named_child_count != 1:
            if left is not None and right is not None and left.named_child_count == 2 == right.named_child_count:
                one, two = right.named_children  # a, b = x, y
                yield self.put(right, f"{self.text(two)}, {self.text(one)}", "swap_values", 1.0)
            return
        if self.text(operator) == "=" and self.is_counted(self.kind(left.named_children[0])):
            for word, weight in (("+=", 0.7), ("-=", 0.2)):
                yield self.put(operator, word, "accumulate", weight)

    def _ranged(self, node: Node) -> Iterator[Edit]:
        right = node.child_by_field_name("right")
        if right is not None and right.type == "identifier" and not (self.kind(right) or "").startswith("map"):
            text = self.text(right)
            yield self.put(right, f"{text}[1:]", "slice", 0.5)
            yield self.put(right, f"{text}[:len({text})-1]", "slice", 0.5)
        elif right is not None and right.type == "slice_expression":
            operand = right.child_by_field_name("operand")
            if operand is not None:
                yield self.put(right, self.text(operand), "slice", 0.8)

    def call(self, node: Node, arguments: list[Node]) -> Iterator[Edit]:
        function = node.child_by_field_name("function")
        if function is None:
            return
        name = self.text(function)
        if name == "append" and len(arguments) == 2:
            kind, (into, what) = self.kind(arguments[0]), arguments
            if self.text(node).rstrip(") ").endswith("..."):
                other = self.text(what).removesuffix("...")
                yield self.put(node, f"append({other}, {self.text(into)}...)", "swap_arguments", 1.0)
            elif kind and kind.startswith("[]"):
                yield self.put(node, f"append({kind}{{{self.text(what)}}}, {self.text(into)}...)", "prepend", 0.8)
        if len(arguments) == 1 and (_NUMBERS.match(name) or self.kind(arguments[0]) == self.kind(node) is not None):
            yield self.put(node, self.grouped(arguments[0]), "drop_call", 0.6)
        if name in ("strings.Split", "strings.Join") and len(arguments) == 2:
            for text in ('""', '" "', '","'):
                if self.text(arguments[1]) != text:
                    yield self.put(arguments[1], text, "text", 0.5)
        if name in ("math.Max", "math.Min") and len(arguments) == 2:
            for argument in arguments:
                yield self.put(node, self.grouped(argument), "drop_call", 0.5)

    def _zero(self, result: str) -> list[str]:
        if _NUMBERS.match(result):
            return ["0", "-1", "1"]
        if result.startswith(("[]", "map", "*")) or result == "error":
            return ["nil", f"{result}{{}}"] if result.startswith("[]") else ["nil"]
        return {"string": ['""'], "bool": ["false", "true"]}.get(result, [])

    def guards(self, node: Node, first: Node) -> Iterator[str]:
        result = node.child_by_field_name("result")
        body = node.child_by_field_name("body")
        if result is None or body is None:
            return
        for binding in [b for b in self.visible(first) if b.start == body.start_byte]:
            kind = binding.kind or ""
            if kind.startswith(("[]", "map")) or kind == "string":
                test = f"len({binding.name}) == 0"
            elif kind == "int":
                test = f"{binding.name} <= 0"
            else:
                continue
            for text in self._zero(self.text(result)):
                yield f"if {test} {{ return {text} }}"
