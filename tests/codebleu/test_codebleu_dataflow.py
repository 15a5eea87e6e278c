"""Edges of the strict data flow, construct by construct, against edges written down by hand."""

from __future__ import annotations

import pytest

from moesaic.codebleu.dataflow_rules import _Visitor, data_flow
from moesaic.codebleu.tree import FlatTree


def definitions(source: str, language: str) -> set[str]:
    """Every ``target<source`` pair of variable names."""
    events = _Visitor(FlatTree(source, language), language).run()
    variables = events.resolve()
    return {
        f"{occurrence.name}<{events.occurrences[origin].name}"
        for index, occurrence in enumerate(events.occurrences)
        for origin in occurrence.sources or ()
        if variables[index] and variables[origin]
    }


def reads(source: str, language: str) -> int:
    """Read-from edges of the whole program: one for every definition that may reach a read."""
    flow = data_flow(FlatTree(source, language), language)
    return sum(count for (_, relation, _), count in flow.items() if relation == "comesFrom")


JAVA = "class A {{ int n; void f(int a, int b, int[] xs) {{ {} }} }}"


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("python", "a = 1\nb = c = a", "c<a b<c"),
        ("python", "a, b = b, a", "a<b b<a"),
        ("python", "a, (b, c) = x, y", "a<x b<y c<y"),
        ("python", "a, *b = x", "a<x b<x"),
        ("python", "a += b", "a<a a<b"),
        ("python", "a[i] = b", "a<a a<i a<b"),
        ("python", "a.b.c = d", "a<a a<d"),
        ("python", "for i, (j, k) in enumerate(x): a = j", "i<x j<x k<x a<j"),
        ("python", "a = [i * j for i in x if i]", "i<x a<i a<j"),
        ("python", "a = {k: v for k, v in x}", "k<x v<x a<k a<v"),
        ("python", "if (a := b): pass", "a<b"),
        ("python", "with open(x) as a: pass", "a<x"),
        ("python", "a = f(b, c=d)", "a<b a<d"),
        ("python", "def f(a, b=c): d = a", "b<c d<a"),
        ("python", "f = lambda a: a + b", ""),
        ("python", "class A:\n    def f(self, n):\n        self.n = n\n        m = self.n", "n<n m<n"),
        ("python", 'a = f"{b}"', "a<b"),
        ("java", JAVA.format("int c = a; c += b; c++; b = c = a;"), "c<a c<c c<b b<c"),
        ("java", JAVA.format("for (int x : xs) a = x;"), "x<xs a<x"),
        ("java", JAVA.format("this.n = a; b = n;"), "n<a b<n"),
        ("java", JAVA.format("xs[a] = b; a = xs[b].length;"), "xs<xs xs<a xs<b a<xs a<b"),
        ("java", JAVA.format("a = Math.max(a, b);"), "a<a a<b"),
        ("java", JAVA.format("try (R r = g(a)) { b = r; } catch (E e) { }"), "r<a b<r"),
        ("javascript", "let a = b, c; c = a;", "a<b c<a"),
        ("javascript", "for (const [k, v] of xs) { a = v; }", "k<xs v<xs a<v"),
        ("javascript", "for (k in xs) a = k;", "k<xs a<k"),
        ("javascript", "const {a, b: c, d = e, ...f} = o;", "a<o c<o d<o d<e f<o"),
        ("javascript", "[a, b] = [b, a];", "a<b b<a"),
        ("javascript", "a ??= b; --c; o.p = d;", "a<a a<b c<c o<o o<d"),
        ("javascript", "x = (p, q = r) => p + q;", "q<r"),
        ("cpp", "int f(int a) { int b = a, *p = &a, c[2] = {a, b}; *p = b; }",
         "b<a p<a c<a c<b p<p p<b"),
        ("cpp", "void f(V &xs) { for (auto &x : xs) y = x; for (int i = 0; i < 3; i++) y += i; }",
         "x<xs y<x i<i y<y y<i"),
        ("cpp", "void f(P q) { auto [a, b] = q; q->x = a; q.y[b] = a; }", "a<q b<q q<q q<a q<b"),
        ("cpp", "struct S { int n = 1; void f(int a) { this->n = a; int b = n; } };", "n<a b<n"),
        ("c", "int f(int a) { int b; b = a; a <<= b; return b; }", "b<a a<a a<b"),
        ("csharp", "class A { void F(int a) { var b = a; foreach (var x in b) a += x; (a, b) = (b, a); } }",
         "b<a x<b a<a a<x a<b"),
        ("php", "<?php $a = $b; foreach ($a as $k => $v) { $c .= $v; } [$a, $b] = [$b, $a]; $c[$a] = 1;",
         "$a<$b $k<$a $v<$a $c<$c $c<$v $b<$a $c<$a"),
        ("go", "package p\nfunc f(a, b int) (c int) {\n\tvar d, e int = a, 1\n"
         "\tx, y := d, b\n\tx, y = y, x\n\tc += x\n\tc++\n}",
         "d<a e<a x<d y<b x<y y<x c<c c<x"),
        ("go", "package p\nfunc f(xs []int) {\n\tfor i, x := range xs { a := x; xs[i] = a }\n\tg, err := h(xs)\n}",
         "i<xs x<xs a<x xs<xs xs<i xs<a g<xs err<xs"),
        ("go", "package p\nfunc (s *S) f(n int) {\n\ts.n = n\n\t*s = n\n\tif v := s.n; v > 1 { n = v }\n}",
         "s<s s<n v<s n<v"),
        ("typescript", "function f(a: A, b: number = a, ...c: B[]): C { let d: D = b as E, e = c!; d += <number>e; }",
         "b<a d<b e<c d<d d<e"),
        ("typescript", "class A { private n: N = 1; f(a: A): void { this.n = a; const b: N = this.n; } }", "n<a b<n"),
        ("typescript", "interface A { a: b } type B = A | c; enum D { E = 1 } declare let f: A; const g: M<A, B> = h;",
         "g<h"),
        ("ruby", "def f(a, b = a)\n  c = a\n  c += b\n  a, b = b, a\n  g(c).h\nend", "b<a c<a c<c c<b a<b"),
        ("ruby", "def f(xs)\n  t = 0\n  xs.each { |x| t += x }\n  y = xs.map do |x, (p, q)| p + t end\nend",
         "x<xs t<t t<x p<xs q<xs y<xs y<p y<t"),
        ("ruby", "class A\n  def f(n) = @n = n\n  def g\n    m = @n\n    self.k = m\n  end\nend", "@n<n m<@n k<m"),
        ("ruby", "def f(a, i)\n  a[i] = a\n  a.b = i\n  d = other(a)\n  first, *rest = a\nend",
         "a<a a<i d<a first<a rest<a"),
        ("ruby", "for i, j in xs do a = j end", "a<j"),
        ("lua", "local function f(a, b)\n  local c = a\n  c = c + b\n  a, b = b, a\n  return c\nend",
         "c<a c<c c<b a<b b<a"),
        ("lua", "local t = 0\nfor i = 1, #xs do t = t + xs[i] end", "i<xs t<t t<xs t<i"),
        ("lua", "for k, v in pairs(xs) do a = v end", "k<xs v<xs a<v"),
        ("lua", "local a, b = f(x)\nt[a] = b\nt.n.m = a\nlocal c, d\nd = t:at(c)",
         "a<x b<x t<t t<a t<b d<t d<c"),
        ("lua", "local f = function(x, ...) return x end\ny = {z, k = v, [w] = u}", "y<z y<v y<u"),
        ("ruby", "def f(x)\n  case x\n  in [a, *b] then c = a\n  in {k: v} then c = v\n  end\nend", "c<a c<v"),
    ],
)  # fmt: skip
def test_definitions(language, source, expected):
    assert definitions(source, language) == set(expected.split())


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("python", "a = 1\na = 2\nf(a)", 1),
        ("python", "a = 1\nif f(): a = 2\nf(a)", 2),
        ("python", "if f(): a = 1\nelif g(): a = 2\nelse: a = 3\nf(a)", 3),
        ("python", "a = 1\nwhile f(): a = 2\nf(a)", 2),
        ("python", "a = 1\nwhile True:\n    f(a)\n    a = 2", 2),
        ("python", "a = 1\nfor _ in f():\n    a = 2\n    break\nelse:\n    a = 3\nf(a)", 2),
        ("python", "def f():\n    a = 1\n    return a\n    a = 2\ndef g(a): return a", 2),
        ("python", "try: a = 1\nexcept E: a = 2\nf(a)", 2),
        ("python", "match f():\n    case 1: a = 1\n    case _: a = 2\nf(a)", 2),
        ("java", JAVA.format("a = 1; switch (g()) { case 1: a = 2; break; case 2: a = 3; } g(a);"), 3),
        ("java", JAVA.format("a = 1; switch (g()) { case 1 -> a = 2; default -> a = 3; } g(a);"), 2),
        ("java", JAVA.format("do { a = 1; } while (g()); g(a);"), 1),
        ("java", JAVA.format("while (g()) { if (h()) continue; a = 1; } g(a);"), 2),
        ("javascript", "let a = 1; { let a = 2; f(a); } f(a);", 2),
        ("cpp", "void f() { int a; cin >> a; g(a); }", 1),
        ("go", "package p\nfunc f() {\n\ta := 1\n\tfor g() { a = 2 }\n\th(a)\n}", 2),
        ("go", "package p\nfunc f() {\n\ta := 1\n\tfor { if g() { break }; a = 2 }\n\th(a)\n}", 2),
        ("go", "package p\nfunc f() {\n\ta := 1\n\tswitch g() {\n\tcase 1: a = 2\n\tdefault: a = 3\n\t}\n\th(a)\n}", 2),
        ("go", "package p\nfunc f() {\n\ta := 1\n\tif g() { a := 2; h(a) } else { a = 3 }\n\th(a)\n}", 3),
        ("ruby", "a = 1\nif f then a = 2 elsif g then a = 3 else a = 4 end\nh(a)", 3),
        ("ruby", "a = 1\na = 2 unless f\nh(a)", 2),
        ("ruby", "a = 1\na = 2 while f\nh(a)", 2),
        ("ruby", "a = 1\nf.each { a = 2 }\nh(a)", 2),
        ("ruby", "a = 1\nf.each do\n  next if g\n  a = 2\n  break\nend\nh(a)", 2),
        ("ruby", "a = 1\ncase f\nwhen 1 then a = 2\nwhen 2 then a = 3\nend\nh(a)", 3),
        ("ruby", "begin\n  a = 1\nrescue E => e\n  a = 2\nensure\n  g\nend\nh(a)", 2),
        ("ruby", "def f\n  a = 1\n  return a\n  a = 2\nend", 1),
        ("lua", "a = 1\nif f() then a = 2 elseif g() then a = 3 else a = 4 end\nh(a)", 3),
        ("lua", "a = 1\nwhile f() do a = 2 end\nh(a)", 2),
        ("lua", "a = 1\nrepeat a = 2 until f()\nh(a)", 1),
        ("lua", "a = 1\nfor _ = 1, 3 do\n  if g() then break end\n  a = 2\nend\nh(a)", 2),
        ("lua", "local a = 1\ndo\n  local a = 2\n  f(a)\nend\nf(a)", 2),
        ("lua", "local function f()\n  local a = 1\n  return a\nend", 1),
    ],
)
def test_reads_see_every_definition_that_may_reach_them(language, source, expected):
    assert reads(source, language) == expected


def test_variables_of_two_scopes_are_two():
    one = "def f(a): return a\ndef g(a): return a"
    two = "def f(a): return a\ndef g(b): return b"
    assert data_flow(FlatTree(one, "python"), "python") == data_flow(FlatTree(two, "python"), "python")


def test_global_statement_makes_a_name_the_programs():
    own = "a = 1\ndef f():\n    a = 2\nb = a"
    shared = "a = 1\ndef f():\n    global a\n    a = a + 1\nb = a"
    assert "a<a" in definitions(shared, "python")
    assert "a<a" not in definitions(own, "python")


def test_functions_modules_and_types_are_no_variables():
    assert not data_flow(FlatTree("import os\nprint(os.path, len)\nf()", "python"), "python")
    assert not data_flow(FlatTree('class A { void f() { System.out.println("x"); } }', "java"), "java")
