import pytest

from moesaic.data.damage import BLANK_STRINGS, DOES_NOT_PARSE, LOST_OPERATOR, REASONS, damage, reads


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "x = [1]\n"),
        ("java", "class A {\n    boolean f(int m) { return m < 0 || m >= 9; }\n}\n"),
        ("cpp", "int main() { return 1 << 1 | 1; }\n"),
        ("php", "<?php echo 1;\n"),
    ],
)
def test_sound_programs(language, source):
    assert reads(source, language)
    assert damage(source, language) is None


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("java", "class A { boolean f(int m, int n) { if (m < 0 m >= n) return true; return false; } }"),
        ("javascript", "function f(m) { if (m == n - 1 m == 0) return 1; }"),
        ("cpp", "bool f(char c) { return c == 'a' c == 'e'; }"),
        ("cpp", "void f(int r) { g(r << 1 1); }"),
        ("cpp", "bool f(int a) { return a == 3 !done[a]; }"),
    ],
)
def test_a_lost_operator_is_told_apart(language, source):
    assert damage(source, language) == LOST_OPERATOR


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "if (\n"),
        ("python", "print 1\n"),  # the grammar knows Python 2 too; Python itself refuses it
        ("python", "x = '\0'\n"),
        ("java", "class A { void f() {"),
        ("javascript", "function f( {"),
        ("python", "\n"),
    ],
)
def test_what_does_not_parse(language, source):
    assert not reads(source, language)
    assert damage(source, language) == DOES_NOT_PARSE


@pytest.mark.parametrize(
    "source",
    [
        "if (s[i] == ' ') f();",
        'let s = " ";',
        'const list = [" ", " "];',
        'function f() { return " "; }',
        'check(" ");',
        'if (ok) document.write(" "); else document.write(" ");',
        'if (ok) { document.write(" "); } f();',
        'if (ok) f(); else console.log(" " + " ");',
        'console.log(ok ? " " : " ", s == " ");',
        'x.replaceAt(3, " ");',
    ],
)
def test_blank_strings_that_a_program_needs(source):
    assert damage(source, "javascript") == BLANK_STRINGS


@pytest.mark.parametrize(
    "source",
    [
        'document.write(x + " ");',
        'for (const x of list) { document.write(x); document.write(" "); }',
        'if (ok) { f(); document.write(" "); }',
        "const words = line.split(\" \").join(' ');",
        'text += " ";',
        "'';",
        'let s = " "; document.write("(" + s);',
        'if (s == " ") document.write("yes");',  # another literal is whole, so none was blanked
    ],
)
def test_blank_strings_that_people_write(source):
    assert damage(source, "javascript") is None


def test_blank_strings_of_other_languages_and_of_whole_source_are_meant():
    assert damage('String s = " ";', "java") is None
    assert damage('let s = " ";', "javascript", is_restored=False) is None
    assert damage("if (m < 0 m >= n) {}", "javascript", is_restored=False) == DOES_NOT_PARSE


def test_the_reasons_are_all_there():
    assert set(REASONS) == {LOST_OPERATOR, DOES_NOT_PARSE, BLANK_STRINGS}
