"""Templates of the tests, one per language. For ``call_languages.py``.

Every test compares with a function of its own, which tells truth values, numbers, texts and lists apart, but takes the
same number in another form, such as 2.0 for 2, where the language lets a program return it. If a result is a float, all
numbers may differ by a millionth, or by a millionth of the expected one if that is larger; otherwise TOLERANCE is 0.
By the words "Assertion 3 failed", a program that fails its test is told from one that crashes (execution/verdicts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """How a language tests a function.

    Attributes:
        text: The test, with ``TOLERANCE`` and with a line ``CALLS`` where the calls are.
        call: Makes the text of a call of its name, arguments, expected result and number.
    """

    text: str
    call: Callable[[str, Sequence[str], str, int], str]


_PYTHON = """\
def tests_same_(found, expected):
    if type(expected) is bool or type(expected) is str:
        return type(found) is type(expected) and found == expected
    if type(expected) is list:
        if type(found) is not list or len(found) != len(expected):
            return False
        return all([tests_same_(found[place], expected[place]) for place in range(len(expected))])
    if type(found) is not int and type(found) is not float:
        return False
    return found == expected or abs(found - expected) <= TOLERANCE * max(1, abs(expected))


CALLS
"""

_RUBY = """\
tests_same = lambda do |found, expected|
  case expected
  when Array
    found.instance_of?(Array) && found.length == expected.length &&
      expected.each_index.all? { |place| tests_same.call(found[place], expected[place]) }
  when Integer, Float
    next false unless Integer === found || Float === found || Rational === found
    found == expected || (found - expected).abs <= TOLERANCE * [1, expected.abs].max
  else
    found == expected
  end
end

CALLS
"""

_PHP = """\
$tests_same = function ($found, $expected) use (&$tests_same) {
    if (is_array($expected)) {
        if (!is_array($found) || count($found) !== count($expected)) {
            return false;
        }
        foreach ($expected as $place => $value) {
            if (!array_key_exists($place, $found) || !$tests_same($found[$place], $value)) {
                return false;
            }
        }
        return true;
    }
    if (!is_int($expected) && !is_float($expected)) {
        return $found === $expected;
    }
    if (!is_int($found) && !is_float($found)) {
        return false;
    }
    return abs($found - $expected) <= TOLERANCE * max(1, abs($expected));
};

CALLS
"""

_JAVASCRIPT = """\
const testsSame = (found, expected) => {
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) {
      return false;
    }
    for (let place = 0; place < expected.length; place++) {
      if (!testsSame(found[place], expected[place])) {
        return false;
      }
    }
    return true;
  }
  if (typeof expected !== "number") {
    return found === expected;
  }
  const number = typeof found === "bigint" ? Number(found) : found;
  if (typeof number !== "number") {
    return false;
  }
  return Math.abs(number - expected) <= TOLERANCE * Math.max(1, Math.abs(expected));
};

CALLS
"""

_GO = """\
func tests_same(found reflect.Value, expected reflect.Value) bool {
	switch expected.Kind() {
	case reflect.Slice:
		same := found.Len() == expected.Len()
		for place := 0; same && place < expected.Len(); place++ {
			same = tests_same(found.Index(place), expected.Index(place))
		}
		return same
	case reflect.Float64:
		difference := math.Abs(found.Float() - expected.Float())
		return difference <= TOLERANCE * math.Max(1, math.Abs(expected.Float()))
	}
	return found.Interface() == expected.Interface()
}

func main() {
CALLS
}
"""

_JAVA = """\
class Main {
    static boolean same(Object found, Object expected) {
        if (found == null) {
            return false;
        }
        if (expected instanceof List && found instanceof List) {
            List<?> left = (List<?>) found, right = (List<?>) expected;
            boolean isSame = left.size() == right.size();
            for (int place = 0; isSame && place < right.size(); place++) {
                isSame = same(left.get(place), right.get(place));
            }
            return isSame;
        }
        if (expected instanceof Double && found instanceof Double) {
            double left = (Double) found, right = (Double) expected;
            return Math.abs(left - right) <= TOLERANCE * Math.max(1, Math.abs(right));
        }
        return expected.equals(found);
    }

    static void check(Object found, Object expected, int number) {
        if (!same(found, expected)) {
            throw new AssertionError("Assertion " + number + " failed");
        }
    }

    public static void main(String[] arguments) {
CALLS
    }
}
"""

_CPP = """\
bool tests_same(double found, double expected) {
    double difference = found < expected ? expected - found : found - expected;
    double size = expected < 0 ? -expected : expected;
    return difference <= TOLERANCE * (size < 1 ? 1 : size);
}

template <typename T> bool tests_same(const T &found, const T &expected) {
    return found == expected;
}

template <typename T> bool tests_same(const std::vector<T> &found, const std::vector<T> &expected) {
    if (found.size() != expected.size()) {
        return false;
    }
    for (std::size_t place = 0; place < expected.size(); place++) {
        if (!tests_same(static_cast<T>(found[place]), static_cast<T>(expected[place]))) {
            return false;
        }
    }
    return true;
}

int main() {
CALLS
    return 0;
}
"""


def _inline(line: str) -> Callable[[str, Sequence[str], str, int], str]:
    """Returns how a call is written whose arguments stand in its line."""

    def call(name: str, arguments: Sequence[str], expected: str, number: int) -> str:
        return line.format(call=f"{name}({', '.join(arguments)})", expected=expected, number=number)

    return call


def _in_php(name: str, arguments: Sequence[str], expected: str, number: int) -> str:
    """Writes a call with variables: a function that takes a reference takes no literal."""
    variables = [f"$tests_argument_{number}_{place}" for place in range(1, len(arguments) + 1)]
    lines = [f"{variable} = {value};\n" for variable, value in zip(variables, arguments, strict=True)]
    lines.append(f"if (!$tests_same({name}({', '.join(variables)}), {expected})) {{\n")
    lines.append(f'    throw new Exception("Assertion {number} failed");\n}}\n')
    return "".join(lines)


_THROWING = 'if (!testsSame({call}, {expected})) {{\n  throw new Error("Assertion {number} failed");\n}}\n'

TESTS: Mapping[str, Template] = {
    "python": Template(_PYTHON, _inline("assert tests_same_({call}, {expected})\n")),
    "ruby": Template(_RUBY, _inline('raise "Assertion {number} failed" unless tests_same.call({call}, {expected})\n')),
    "php": Template(_PHP, _in_php),
    "javascript": Template(_JAVASCRIPT, _inline(_THROWING)),
    "typescript": Template(
        _JAVASCRIPT.replace("(found, expected)", "(found: any, expected: any): boolean", 1), _inline(_THROWING)
    ),
    "go": Template(
        _GO,
        _inline(
            "\tif !tests_same(reflect.ValueOf({call}), reflect.ValueOf({expected})) {{\n"
            '\t\tpanic("Assertion {number} failed")\n\t}}\n'
        ),
    ),
    "java": Template(_JAVA, _inline("        check({call}, {expected}, {number});\n")),
    "cpp": Template(_CPP, _inline("    assert(tests_same({call}, {expected}));\n")),
}
"""Language -> how it tests a function."""


if __name__ == "__main__":
    raise SystemExit("call_tests.py is a part of other scripts: run call_tasks.py")
