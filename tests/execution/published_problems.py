"""Problems in the layouts of HumanEval-X and MBXP, written for these tests."""

from __future__ import annotations

import json
from pathlib import Path

HUMANEVAL_X = [
    {
        "task_id": "Python/0",
        "prompt": "from typing import List\n\n\ndef count_even(numbers: List[int]) -> int:\n"
        '    """How many of the numbers are even.\n    >>> count_even([1, 2, 4])\n    2\n    """\n',
        "canonical_solution": "    return sum(number % 2 == 0 for number in numbers)\n",
        "test": "def check(count_even):\n    assert count_even([1, 2, 4]) == 2\n    assert count_even([]) == 0\n\n"
        "check(count_even)\n",
    },
    {
        "task_id": "Java/0",
        "prompt": "import java.util.*;\nimport java.lang.*;\n\nclass Solution {\n"
        "    public int countEven(List<Integer> numbers) {\n",
        "canonical_solution": "        int found = 0;\n"
        "        for (int number : numbers) found += number % 2 == 0 ? 1 : 0;\n        return found;\n    }\n}",
        "test": "public class Main {\n    public static void main(String[] args) {\n"
        "        Solution s = new Solution();\n        List<Boolean> held = Arrays.asList(\n"
        "            s.countEven(Arrays.asList(1, 2, 4)) == 2,\n"
        "            s.countEven(Arrays.asList()) == 0\n        );\n        if (held.contains(false)) {\n"
        "            throw new AssertionError();\n        }\n    }\n}\n",
    },
    {
        "task_id": "JavaScript/0",
        "prompt": "/* How many of the numbers are even. */\nconst countEven = (numbers) => {\n",
        "canonical_solution": "  return numbers.filter((number) => number % 2 === 0).length;\n}\n\n",
        "test": "const testCountEven = () => {\n  console.assert(countEven([1, 2, 4]) === 2)\n"
        "  console.assert(countEven([]) === 0)\n}\n\ntestCountEven()\n",
    },
    {
        "task_id": "CPP/0",
        "prompt": "#include<vector>\nusing namespace std;\nint count_even(vector<int> numbers){\n",
        "canonical_solution": "    int found = 0;\n    for (int number : numbers) found += number % 2 == 0;\n"
        "    return found;\n}\n",
        "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (count_even({1, 2, 4}) == 2);\n"
        "    assert (count_even({}) == 0);\n}\n",
    },
    {
        "task_id": "Go/0",
        "prompt": "func F() int {\n",
        "canonical_solution": "return 1\n}\n",
        "test": "func TestF() {}\n",
    },
]
MBXP = [
    {
        "task_id": "MBPP/1",
        "language": "python",
        "entry_point": "twice",
        "prompt": '\n\ndef twice(number):\n\t"""\n\tTwice the number.\n\t"""\n',
        "canonical_solution": "\treturn 2 * number\n",
        "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(3) == 6\n\n",
    },
    {
        "task_id": "MBJSP/1",
        "language": "javascript",
        "entry_point": "twice",
        "prompt": "/**\n * Twice the number.\n */\nfunction twice(number) {\n",
        "canonical_solution": None,
        "test": "\n\nconst _ = require('lodash')\nlet x0 = 6;\n",
    },
    {"task_id": "MBKP/1", "language": "kotlin", "prompt": "", "canonical_solution": None, "test": ""},
]


def write_folder(folder: Path, records: list[dict]) -> Path:
    """Writes records as the published files lie: a folder a language."""
    for record in records:
        path = folder / record["task_id"].partition("/")[0].lower() / "data" / "problems.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(record) + "\n")
    return folder
