import pytest

from moesaic.data.semicolons import end_statements
from moesaic.parsing import parses


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("var a = [ ] function f ( ) { }", "var a = [ ] ; function f ( ) { }"),
        ("let n = 3 let m = 4", "let n = 3 ; let m = 4"),
        ("a . push ( 1 ) b . push ( 2 )", "a . push ( 1 ) ; b . push ( 2 )"),
        ("if ( x ) f ( x ) else g ( x )", "if ( x ) f ( x ) ; else g ( x )"),
        ("list . forEach ( x => { f ( x ) } ) n += 1", "list . forEach ( x => { f ( x ) } ) ; n += 1"),
    ],
)
def test_lost_line_breaks_become_semicolons(tokens, expected):
    assert not parses(tokens, "javascript")
    assert end_statements(tokens.split()) == expected


@pytest.mark.parametrize(
    "tokens",
    [
        "if ( a == 0 a == 1 ) { f ( ) ; }",
        "function f ( a , b ) { return a == 0 b == 1 ; }",
        "function f ( ) { return 1 ; } }",
        "for ( let i = 0 ; i < n ; i ++ ) f ( i ) ;",
        "if ( x ) return_value ( ) ; else { f ( ) }",
    ],
    ids=["lost or in if", "lost or in return", "bracket too many", "sound loop", "sound branch"],
)
def test_other_programs_stay_as_they_are(tokens):
    assert end_statements(tokens.split()) == tokens
