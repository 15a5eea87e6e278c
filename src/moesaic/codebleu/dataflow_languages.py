"""Lists, for each language, what its grammar calls the constructs that move values between variables.

To add a language, add a row. ``dataflow_values`` and ``dataflow_rules`` define what the constructs do in all languages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["RULES", "Rules", "words"]


def words(text: str) -> frozenset[str]:
    """Returns the white-space separated words of a text."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Rules:
    """Grammar symbols of one language, grouped by what they do."""

    functions: frozenset[str]
    declarators: frozenset[str] = frozenset()  # fields name or declarator, and value; bind in the innermost scope
    parameters: frozenset[str] = frozenset()  # like declarators, inside a parameter list
    assignments: frozenset[str] = frozenset()  # fields left and right
    updates: frozenset[str] = frozenset()  # ++ and --
    patterns: frozenset[str] = frozenset()  # targets that consist of targets
    members: frozenset[str] = frozenset()  # object.name; the first child is the object
    elements: frozenset[str] = frozenset()  # object[index]; the first child is the object
    loops: frozenset[str] = words("while_statement do_statement")
    counted: frozenset[str] = words("for_statement")
    each: frozenset[str] = frozenset()
    clauses: frozenset[str] = frozenset()  # loops of all three kinds; their clause says which
    branches: frozenset[str] = words("if_statement")
    chained: frozenset[str] = frozenset()  # else-if parts that belong to the same if
    switches: frozenset[str] = words("switch_statement")
    cases: frozenset[str] = words("switch_case switch_default")
    falls_through: bool = True
    tries: frozenset[str] = words("try_statement")
    handlers: frozenset[str] = words("catch_clause")
    exits: frozenset[str] = words("return_statement throw_statement raise_statement")
    blocks: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    identifiers: frozenset[str] = words("identifier")
    skipped: frozenset[str] = frozenset()  # "kind" or "kind.field": never visited
    selves: frozenset[str] = words("this")
    assignment_binds: bool = False  # Python, PHP, Ruby: assigning declares
    own_fields: frozenset[str] = frozenset()  # variables of the class, wherever they are assigned
    block_calls: frozenset[str] = frozenset()  # calls with a field block: loops over the receiver of the call
    captures: frozenset[str] = frozenset()  # patterns whose names are bound to the values that they match
    declaring: frozenset[str] = frozenset()  # assignments that declare in the innermost scope
    unbound_is_call: bool = False  # Ruby: a name that nothing binds calls a method


_JAVA = Rules(
    functions=words("method_declaration constructor_declaration lambda_expression compact_constructor_declaration"),
    declarators=words("variable_declarator resource instanceof_expression"),
    parameters=words("formal_parameter catch_formal_parameter variable_declarator"),
    assignments=words("assignment_expression"),
    updates=words("update_expression"),
    members=words("field_access"),
    elements=words("array_access"),
    each=words("enhanced_for_statement"),
    switches=words("switch_expression"),
    cases=words("switch_block_statement_group switch_rule"),
    tries=words("try_statement try_with_resources_statement"),
    blocks=words("block constructor_body switch_block catch_clause try_with_resources_statement"),
    classes=words("class_body interface_body enum_body"),
    skipped=words(
        "annotation marker_annotation method_invocation.name field_access.field class_declaration.name "
        "labeled_statement.label catch_type"
    ),
)

_C = Rules(
    functions=words("function_definition lambda_expression"),
    declarators=words("declaration init_declarator field_declaration"),
    parameters=words("parameter_declaration optional_parameter_declaration variadic_parameter_declaration"),
    assignments=words("assignment_expression"),
    updates=words("update_expression"),
    patterns=words(
        "pointer_declarator reference_declarator array_declarator parenthesized_declarator init_declarator "
        "structured_binding_declarator parenthesized_expression"
    ),
    members=words("field_expression"),
    elements=words("subscript_expression pointer_expression"),
    each=words("for_range_loop"),
    cases=words("case_statement"),
    blocks=words("compound_statement catch_clause if_statement while_statement"),
    classes=words("field_declaration_list"),
    identifiers=words("identifier field_identifier"),
    skipped=words("field_expression.field preproc_include lambda_capture_specifier function_declarator"),
)

_JAVASCRIPT = Rules(
    functions=words(
        "function_declaration function_expression arrow_function method_definition generator_function "
        "generator_function_declaration"
    ),
    declarators=words("variable_declarator field_definition"),
    parameters=words("assignment_pattern"),
    assignments=words("assignment_expression augmented_assignment_expression"),
    updates=words("update_expression"),
    patterns=words("array_pattern object_pattern rest_pattern pair_pattern parenthesized_expression"),
    members=words("member_expression"),
    elements=words("subscript_expression"),
    each=words("for_in_statement"),
    blocks=words("statement_block switch_body catch_clause"),
    classes=words("class_body"),
    identifiers=words(
        "identifier shorthand_property_identifier shorthand_property_identifier_pattern property_identifier"
    ),
    skipped=words(
        "member_expression.property pair.key pair_pattern.key method_definition.name import_statement "
        "class_declaration.name"
    ),
)

RULES: dict[str, Rules] = {
    "python": Rules(
        functions=words("function_definition lambda"),
        parameters=words("default_parameter typed_parameter typed_default_parameter"),
        assignments=words("assignment augmented_assignment named_expression"),
        patterns=words(
            "pattern_list tuple_pattern list_pattern tuple list expression_list list_splat_pattern list_splat "
            "dictionary_splat_pattern as_pattern_target parenthesized_expression typed_parameter"
        ),
        members=words("attribute"),
        elements=words("subscript"),
        loops=words("while_statement"),
        counted=frozenset(),
        each=words("for_statement for_in_clause"),
        chained=words("elif_clause"),
        switches=words("match_statement"),
        cases=words("case_clause"),
        falls_through=False,
        handlers=words("except_clause except_group_clause"),
        classes=words("class_definition"),
        skipped=words(
            "attribute.attribute keyword_argument.name import_statement import_from_statement "
            "future_import_statement type class_definition.name"
        ),
        selves=words("self cls"),
        assignment_binds=True,
    ),
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "typescript": replace(
        _JAVASCRIPT,
        declarators=words("variable_declarator public_field_definition"),
        parameters=words("assignment_pattern required_parameter optional_parameter"),
        patterns=_JAVASCRIPT.patterns | words("non_null_expression"),
        skipped=_JAVASCRIPT.skipped
        | words(
            "type_annotation type_predicate_annotation type_arguments type_parameters generic_type "
            "nested_type_identifier interface_declaration type_alias_declaration enum_declaration ambient_declaration "
            "implements_clause function_signature method_signature abstract_method_signature "
            "abstract_class_declaration.name"
        ),
    ),
    "cpp": _C,
    "c": _C,
    "go": Rules(
        functions=words("function_declaration method_declaration func_literal"),
        declarators=words("var_spec const_spec"),
        parameters=words("parameter_declaration variadic_parameter_declaration"),
        assignments=words("assignment_statement short_var_declaration receive_statement"),
        declaring=words("short_var_declaration"),
        updates=words("inc_statement dec_statement"),
        patterns=words("expression_list parenthesized_expression"),
        members=words("selector_expression"),
        elements=words("index_expression slice_expression unary_expression"),
        loops=frozenset(),
        counted=frozenset(),
        clauses=words("for_statement"),
        switches=words("expression_switch_statement type_switch_statement select_statement"),
        cases=words("expression_case type_case communication_case default_case"),
        falls_through=False,
        blocks=words("block if_statement"),
        skipped=words(
            "selector_expression.field package_clause import_declaration type_declaration keyed_element.key "
            "type_switch_statement.alias"
        ),
    ),
    "csharp": Rules(
        functions=words(
            "method_declaration constructor_declaration local_function_statement lambda_expression "
            "anonymous_method_expression operator_declaration accessor_declaration"
        ),
        declarators=words("variable_declarator declaration_expression property_declaration declaration_pattern"),
        parameters=words("parameter catch_declaration"),
        assignments=words("assignment_expression"),
        updates=words("postfix_unary_expression prefix_unary_expression"),
        patterns=words("tuple_pattern tuple_expression argument parenthesized_expression"),
        members=words("member_access_expression"),
        elements=words("element_access_expression"),
        each=words("foreach_statement"),
        cases=words("switch_section"),
        blocks=words("block switch_body catch_clause"),
        classes=words("declaration_list"),
        identifiers=words("identifier implicit_parameter"),
        skipped=words(
            "member_access_expression.name generic_name class_declaration.name using_directive attribute_list "
            "qualified_name object_creation_expression.type"
        ),
    ),
    "php": Rules(
        functions=words("function_definition method_declaration anonymous_function arrow_function"),
        declarators=words("static_variable_declaration property_element"),
        parameters=words("simple_parameter variadic_parameter property_promotion_parameter"),
        assignments=words("assignment_expression augmented_assignment_expression reference_assignment_expression"),
        updates=words("update_expression"),
        patterns=words("list_literal array_creation_expression array_element_initializer pair by_ref"),
        members=words("member_access_expression"),
        elements=words("subscript_expression"),
        each=words("foreach_statement"),
        chained=words("else_if_clause"),
        cases=words("case_statement default_statement"),
        classes=words("declaration_list"),
        identifiers=words("variable_name"),
        selves=words("$this"),
        assignment_binds=True,
    ),
    "lua": Rules(
        functions=words("function_declaration function_definition"),
        assignments=words("assignment_statement variable_declaration"),
        declaring=words("variable_declaration"),
        patterns=words("variable_list expression_list"),
        members=words("dot_index_expression method_index_expression"),
        elements=words("bracket_index_expression"),
        loops=words("while_statement repeat_statement"),
        counted=frozenset(),
        clauses=words("for_statement"),
        chained=words("elseif_statement"),
        exits=words("return_statement"),
        blocks=words("block"),
        skipped=words(
            "attribute dot_index_expression.field method_index_expression.method field.name label_statement "
            "goto_statement"
        ),
        selves=words("self"),
    ),
    "ruby": Rules(
        functions=words("method singleton_method lambda"),
        parameters=words(
            "optional_parameter keyword_parameter splat_parameter hash_splat_parameter block_parameter "
            "exception_variable"
        ),
        assignments=words("assignment operator_assignment"),
        patterns=words(
            "left_assignment_list right_assignment_list destructured_left_assignment rest_assignment "
            "destructured_parameter splat_parameter"
        ),
        members=words("call"),
        elements=words("element_reference"),
        loops=words("while until while_modifier until_modifier"),
        counted=frozenset(),
        each=words("for"),
        branches=words("if elsif unless if_modifier unless_modifier"),
        switches=words("case case_match"),
        cases=words("when in_clause else"),
        falls_through=False,
        tries=words("begin body_statement"),
        handlers=words("rescue"),
        exits=words("return"),
        classes=words("class module singleton_class"),
        identifiers=words("identifier constant"),
        skipped=words("call.method class.name class.superclass module.name scope_resolution.name"),
        selves=words("self"),
        assignment_binds=True,
        own_fields=words("instance_variable class_variable global_variable"),
        block_calls=words("call"),
        captures=words("array_pattern find_pattern hash_pattern"),
        unbound_is_call=True,
    ),
}
