"""In every language, right programs pass the tests, and programs that are wrong in one value or its kind fail."""

from __future__ import annotations

import shutil

import pytest
from call_languages import LANGUAGES, problem_of
from call_names import function_name
from call_programs import CallTask

from moesaic.execution.completions import cut_completion
from moesaic.execution.judges import find_toolchains
from moesaic.execution.problems import Problem
from moesaic.execution.rewards import ProgramRuns
from moesaic.execution.sandbox import Status

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools"),
]

TASKS = {
    "half": CallTask(
        "half", "Halve a number if it is to be halved", "halfOf", ("N", "isHalved"),
        (((3, True), 1.5), ((4, True), 2.0), ((5, False), 5.0), ((-1, True), -0.5)), "",
    ),
    "names": CallTask(
        "names", "Repeat each of the texts if it is long", "repeat_long", ("in", "least"),
        (((["a", "b$c"], 2), ["a", "b$cb$c"]), (([], 3), []), ((['"q"'], 1), ['"q""q"']), ((["#{x}"], 9), ["#{x}"])),
        "",
    ),
    "rows": CallTask(
        "rows", "Add a number to all numbers of a table", "AddToAll", ("rows", "by"),
        ((([[1, 2], [3]], 1), [[2, 3], [4]]), (([[]], 5), [[]]), (([], 5), []), (([[-7]], 7), [[0]])), "",
    ),
    "count": CallTask(
        "count", "Count the even numbers above a limit", "countEven", ("values", "limit"),
        ((([1, 2, 4], 1), 2), (([8], 8), 0), (([10, 12, 14], 11), 2), (([], 0), 0)), "",
    ),
    "found": CallTask(
        "found", "Say whether a text has a letter", "hasLetter", ("text", "letter"),
        ((("abc", "c"), True), (("abc", "d"), False), (("", "x"), False), (("xx", "x"), True)), "",
    ),
    "first": CallTask(
        "first", "Return the first word of a text", "first_word", ("text",),
        ((("one two",), "one"), (("a",), "a"), (("it's b",), "it's"), (('"x" y',), '"x"')), "",
    ),
    "large": CallTask(
        "large", "Multiply a number by a million", "timesMillion", ("x",),
        (((1,), 1_000_000), ((2**30,), 2**30 * 1_000_000), ((-3,), -3_000_000), ((0,), 0)), "",
    ),
}  # fmt: skip

RIGHT = {
    "python": {
        "half": "    return N / 2 if isHalved else N\n",
        "names": "    return [text * 2 if len(text) >= least else text for text in words]\n",
        "rows": "    return [[x + by for x in row] for row in rows]\n",
        "count": "    return sum(1 for x in values if x > limit and x % 2 == 0)\n",
        "found": "    return letter in text\n",
        "first": "    return text.split(' ')[0]\n",
        "large": "    return x * 1000000\n",
    },
    "ruby": {
        "half": "  is_halved ? n / 2.0 : n\nend\n",
        "names": "  in_.map { |text| text.length >= least ? text * 2 : text }\nend\n",
        "rows": "  rows.map { |row| row.map { |x| x + by } }\nend\n",
        "count": "  values.count { |x| x > limit && x.even? }\nend\n",
        "found": "  text.include?(letter)\nend\n",
        "first": "  text.split(' ')[0]\nend\n",
        "large": "  x * 1000000\nend\n",
    },
    "go": {
        "half": "\tif is_halved {\n\t\treturn float64(n) / 2\n\t}\n\treturn float64(n)\n}\n",
        "names": "\tvar found []string\n\tfor _, text := range in {\n"
        "\t\tif len(text) >= least {\n\t\t\ttext += text\n\t\t}\n"
        "\t\tfound = append(found, text)\n\t}\n\treturn found\n}\n",
        "rows": "\tfor _, row := range rows {\n\t\tfor i := range row {\n\t\t\trow[i] += by\n\t\t}\n\t}\n"
        "\treturn rows\n}\n",
        "count": "\tn := 0\n\tfor _, x := range values {\n\t\tif x > limit && x%2 == 0 {\n\t\t\tn++\n\t\t}\n\t}\n"
        "\treturn n\n}\n",
        "found": "\tfor _, c := range text {\n\t\tif string(c) == letter {\n\t\t\treturn true\n\t\t}\n\t}\n"
        "\treturn false\n}\n",
        "first": "\tfor i, c := range text {\n\t\tif c == ' ' {\n\t\t\treturn text[:i]\n\t\t}\n\t}\n\treturn text\n}\n",
        "large": "\treturn x * 1000000\n}\n",
    },
    "php": {
        "half": "    return $isHalved ? $n / 2 : $n;\n}\n",
        "names": "    return array_map(fn($text) => strlen($text) >= $least ? $text . $text : $text, $in);\n}\n",
        "rows": "    return array_map(fn($row) => array_map(fn($x) => $x + $by, $row), $rows);\n}\n",
        "count": "    return count(array_filter($values, fn($x) => $x > $limit && $x % 2 == 0));\n}\n",
        "found": "    return strpos($text, $letter) !== false;\n}\n",
        "first": "    return explode(' ', $text)[0];\n}\n",
        "large": "    return $x * 1000000;\n}\n",
    },
    "typescript": {
        "half": "  return is_halved ? n / 2 : n;\n};\n",
        "names": "  return in_.map((text) => (text.length >= least ? text + text : text));\n};\n",
        "rows": "  return rows.map((row) => row.map((x) => x + by));\n};\n",
        "count": "  return values.filter((x) => x > limit && x % 2 === 0).length;\n};\n",
        "found": "  return text.includes(letter);\n};\n",
        "first": "  return text.split(' ')[0];\n};\n",
        "large": "  return x * 1000000;\n};\n",
    },
    "javascript": {
        "half": "  return isHalved ? n / 2 : n;\n}\n",
        "names": "  return in_.map((text) => (text.length >= least ? text + text : text));\n}\n",
        "rows": "  return rows.map((row) => row.map((x) => x + by));\n}\n",
        "count": "  return values.filter((x) => x > limit && x % 2 === 0).length;\n}\n",
        "found": "  return text.includes(letter);\n}\n",
        "first": "  return text.split(' ')[0];\n}\n",
        "large": "  return x * 1000000;\n}\n",
    },
    "java": {
        "half": "        return isHalved ? n / 2.0 : n;\n    }\n}\n",
        "names": "        List<String> found = new ArrayList<>();\n        for (String text : in_) {\n"
        "            found.add(text.length() >= least ? text + text : text);\n        }\n"
        "        return found;\n    }\n}\n",
        "rows": "        for (List<Integer> row : rows) {\n            row.replaceAll(x -> x + by);\n        }\n"
        "        return rows;\n    }\n}\n",
        "count": "        int n = 0;\n        for (int x : values) {\n"
        "            if (x > limit && x % 2 == 0) n++;\n        }\n"
        "        return n;\n    }\n}\n",
        "found": "        return text.contains(letter);\n    }\n}\n",
        "first": '        return text.split(" ")[0];\n    }\n}\n',
        "large": "        return x * 1000000L;\n    }\n}\n",
    },
    "cpp": {
        "half": "    return isHalved ? n / 2.0 : n;\n}\n",
        "names": "    for (auto &text : in_) {\n        if ((int)text.size() >= least) text += text;\n    }\n"
        "    return in_;\n}\n",
        "rows": "    for (auto &row : rows) for (auto &x : row) x += by;\n    return rows;\n}\n",
        "count": "    auto fits = [&](int x) { return x > limit && x % 2 == 0; };\n"
        "    return count_if(values.begin(), values.end(), fits);\n}\n",
        "found": "    return text.find(letter) != string::npos;\n}\n",
        "first": '    return text.substr(0, text.find(" "));\n}\n',
        "large": "    return x * 1000000LL;\n}\n",
    },
}
"""Language -> task -> the rest of a right program."""

CHANGES = {
    "python": {
        "half": [("N / 2", "N / 2 + 1e-3"), ("N / 2", "str(N / 2)"), ("N / 2", "N // 2"), ("else N", "else None")],
        "names": [
            ("]\n", "][:-1]\n"),
            ("[text", "[text[:-1] if 0 else text.upper()"),
            ("return [", "return tuple(["),
            ("* 2", "* 3"),
        ],
        "rows": [
            ("x + by", "str(x + by)"),
            ("x + by", "x + by + (by == 7)"),
            ("for row in rows]", "for row in rows[1:]]"),
        ],
        "count": [("x > limit", "x >= limit"), ("return sum", "return [sum"), ("sum(1 ", "sum(1.5 ")],
        "found": [
            ("letter in text", "int(letter in text)"),
            ("letter in text", "text.find(letter) + 1"),
            ("in", "not in"),
        ],
        "first": [("[0]", "[-1]"), ("[0]", ""), ("text.split", "str.upper(text).split")],
        "large": [("1000000", "1000001"), ("x * 1000000", "str(x * 1000000)")],
    },
    "ruby": {
        "half": [("n / 2.0", "n / 2.0 + 1e-3"), ("n / 2.0", "(n / 2.0).to_s"), ("n / 2.0", "n / 2"), (": n", ": nil")],
        "names": [("}\nend", "}.drop(1)\nend"), ("text * 2", "text * 3"), (": text }", ": text.to_sym }")],
        "rows": [
            ("x + by", "(x + by).to_s"),
            ("rows.map", "rows.drop(1).map"),
            ("rows.map", "rows.flatten(0).reverse.map"),
        ],
        "count": [("x > limit", "x >= limit"), ("values.count", "values.select"), ("x.even?", "x.odd?")],
        "found": [
            ("text.include?(letter)", "text.include?(letter) ? 1 : 0"),
            ("text.include?", "!text.include?"),
            ("text.include?(letter)", "text.index(letter)"),
        ],
        "first": [("[0]", "[-1]"), ("[0]", ""), ("[0]", "[0].to_sym")],
        "large": [("1000000", "1000001"), ("x * 1000000", "(x * 1000000).to_s")],
    },
    "go": {
        "half": [("/ 2", "/ 2 + 1e-3"), ("float64(n) / 2", "float64(n / 2)"), ("return float64(n) / 2", "return n")],
        "names": [("return found", "return found[1:]"), ("text += text", "text += text + text")],
        "rows": [("+= by", "-= by"), ("return rows", "return rows[1:]"), ("return rows", "return append(rows, nil)")],
        "count": [("x > limit", "x >= limit"), ("return n", "return n > 0"), ("x%2 == 0", "x%2 == 1")],
        "found": [("return true", "return false"), ("return true", "return 1"), ("== letter", "!= letter")],
        "first": [("text[:i]", "text[:i+1]"), ("text[:i]", "text[i:]")],
        "large": [("1000000", "1000001"), ("1000000", "1000000.5")],
    },
    "php": {
        "half": [
            ("$n / 2", "$n / 2 + 1e-3"),
            ("$n / 2", "strval($n / 2)"),
            ("$n / 2", "intdiv($n, 2)"),
            (": $n", ": true"),
        ],
        "names": [
            ("return array_map", "return array_slice(array_map"),
            ("$text . $text", "$text . $text . $text"),
            ("return array_map", "return true || array_map"),
        ],
        "rows": [("$x + $by", "strval($x + $by)"), ("$rows)", "array_slice($rows, 1))"), ("$x + $by", "$x + $by + 1")],
        "count": [
            ("$x > $limit", "$x >= $limit"),
            ("return count", "return (bool) count"),
            ("return count", "return 'a' . count"),
        ],
        "found": [
            ("!== false", "=== false"),
            ("return strpos($text, $letter) !== false", "return strpos($text, $letter)"),
            ("return strpos($text, $letter) !== false", "return (int) (strpos($text, $letter) !== false)"),
        ],
        "first": [("[0]", "[0] . ' '"), ("[0]", ""), ("return explode(' ', $text)[0]", "return true")],
        "large": [("1000000", "1000001"), ("$x * 1000000", "strval($x * 1000000)")],
    },
    "typescript": {
        "half": [
            ("n / 2", "n / 2 + 1e-3"),
            ("n / 2", "String(n / 2)"),
            ("n / 2", "Math.floor(n / 2)"),
            (": n;", ": undefined;"),
        ],
        "names": [
            ("));\n", ")).slice(1);\n"),
            ("text + text", "text + text + text"),
            ("return in_", "return {...in_} && 0 || in_.concat(in_)"),
        ],
        "rows": [("x + by)", "String(x + by))"), ("rows.map", "rows.slice(1).map"), ("x + by)", "x + by + 1)")],
        "count": [
            ("x > limit", "x >= limit"),
            (".length", ".length > 0"),
            (".length", ".length + ''"),
            (".length", ""),
        ],
        "found": [
            ("text.includes(letter)", "text.includes(letter) ? 1 : 0"),
            ("text.inc", "!text.inc"),
            ("text.includes", "text.indexOf"),
        ],
        "first": [("[0]", "[1]"), ("[0]", ""), ("[0]", "[0].length > 0")],
        "large": [("1000000", "1000001"), ("x * 1000000", "`${x * 1000000}`")],
    },
    "java": {
        "half": [("n / 2.0", "n / 2.0 + 1e-3"), ("n / 2.0", "n / 2"), ("n / 2.0 : n", '"" + n / 2.0 : n')],
        "names": [
            ("return found", "return found.subList(1, found.size())"),
            ("text + text", "text + text + text"),
            ("return found", "return null"),
        ],
        "rows": [
            ("x + by", "x - by"),
            ("return rows", "rows.add(null); return rows"),
            ("return rows", "return rows.get(0)"),
        ],
        "count": [("x > limit", "x >= limit"), ("return n", "return n > 0"), ("x % 2 == 0", "x % 2 == 1")],
        "found": [("return text", "return !text"), ("text.contains(letter)", "text.indexOf(letter)")],
        "first": [("[0]", '[0] + " "'), ("[0]", ""), ("[0]", ".length")],
        "large": [("1000000L", "1000001L"), ("1000000L", "1000000")],
    },
    "cpp": {
        "half": [("n / 2.0", "n / 2.0 + 1e-3"), ("n / 2.0", "n / 2"), ("return ", "return 0 * ")],
        "names": [
            ("return in_;", "in_.push_back(string()); return in_;"),
            ("text += text", "text += text + text"),
            ("return in_;", "return in_[0];"),
        ],
        "rows": [
            ("+= by", "-= by"),
            ("return rows", "rows.push_back({}); return rows"),
            ("return rows", "return rows[0]"),
        ],
        "count": [
            ("x > limit", "x >= limit"),
            ("return count_if", "return 1 + count_if"),
            ("x % 2 == 0", "x % 2 == 1"),
        ],
        "found": [("!=", "=="), ("return ", "return !")],
        "first": [('text.find(" ")', 'text.find(" ") + 1'), ('text.substr(0, text.find(" "))', "text.size() > 0")],
        "large": [("1000000LL", "1000001LL"), ("x * 1000000LL", "(int)(x * 1000000LL)")],
    },
}
CHANGES["javascript"] = CHANGES["typescript"]
"""Language -> task -> changes, each of which makes the right program wrong."""


def changed(text: str, old: str, new: str, language: str) -> str:
    """Returns a program with one change; brackets that the change opens are closed at the end of the statement."""
    assert old in text, (old, text)
    made = text.replace(old, new, 1)
    for opened, closed in ("[]", "()"):
        missing = made.count(opened) - made.count(closed)
        if missing > 0:
            place = made.rindex(";") if language == "php" else made.index("\n")
            made = made[:place] + (", 1" if language == "php" else "") + closed * missing + made[place:]
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_right_programs_pass_and_wrong_ones_fail(language):
    if language in find_toolchains([language])[1]:
        pytest.skip(f"no tools for {language}")
    programs: list[tuple[Problem, str]] = []
    expected: list[tuple[str, bool]] = []
    for name, task in TASKS.items():
        if language == "python" and name == "names":
            task = CallTask(task.id, task.title, task.entry, ("words", "least"), task.calls, "")
        row = problem_of(task, language)
        problem = Problem(id=row["id"], language=language, prompt=row["prompt"], test=row["test"])
        right = RIGHT[language][name]
        wrong = [changed(right, old, new, language) for old, new in CHANGES[language][name]]
        wrong = wrong[:1] if language == "cpp" else wrong  # its compiler takes a second for each
        assert len({right, *wrong}) == 1 + len(wrong)
        for text in (right, *wrong):
            programs.append((problem, problem.complete(text)))
            expected.append((text, text == right))
    with ProgramRuns("bubblewrap", 2, [language], allow_code_execution=True) as run:
        verdicts = run(programs)
    mistaken = [
        (text, verdict.status)
        for (text, passes), verdict in zip(expected, verdicts, strict=True)
        if verdict.passed is not passes
    ]
    assert not mistaken
    statuses = {verdict.status for verdict in verdicts}
    if language not in ("go", "java", "cpp"):  # there, a compiler finds another type
        assert statuses == {Status.PASSED, Status.WRONG}
    assert Status.CRASHED not in statuses


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_follows_the_function_is_not_judged(language):
    row = problem_of(TASKS["count"], language)
    problem = Problem(id=row["id"], language=language, prompt=row["prompt"], test=row["test"])
    right = RIGHT[language]["count"]
    more = {"python": "\nprint(1)\n", "ruby": "\nputs 1\n", "go": "\nfunc main() {\n}\n"}.get(language, "\n// more\n")
    assert problem.defined >= {"countEven" if language == "python" else function_name("countEven", language)}
    assert cut_completion(problem, right + more).rstrip() == right.rstrip()


NUMBERS = CallTask("n", "Return the square of a number", "square", ("x",), (((2,), 4), ((-3,), 9), ((0,), 0)), "")
SAME_NUMBER = {
    "python": "    return float(x * x)\n",
    "ruby": "  (x * x).to_f\nend\n",
    "php": "    return (float) ($x * $x);\n}\n",
    "javascript": "  return x === 0 ? -0 : x * x;\n}\n",
    "typescript": "  return x === 0 ? -0 : x * x;\n};\n",
}


@pytest.mark.parametrize("language", SAME_NUMBER)
def test_the_same_number_in_another_form_passes(language):
    if language in find_toolchains([language])[1]:
        pytest.skip(f"no tools for {language}")
    row = problem_of(NUMBERS, language)
    problem = Problem(id=row["id"], language=language, prompt=row["prompt"], test=row["test"])
    with ProgramRuns("bubblewrap", 1, [language], allow_code_execution=True) as run:
        assert run([(problem, problem.complete(SAME_NUMBER[language]))])[0].passed
