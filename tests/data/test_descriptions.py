import pytest

from moesaic.data.descriptions import clean_description, title_of


@pytest.mark.parametrize(
    ("tokenised", "cleaned"),
    [
        ("The king 's bill", "The king's bill"),
        ("don ' t stop", "don't stop"),
        ("Length of a sub - array", "Length of a sub-array"),
        ("Value of n - 1", "Value of n-1".replace("-", " - ")),
        ("Sum of arr [ i ] and a [ i ] [ j ]", "Sum of arr[i] and a[i][j]"),
        ("In O ( n ) time ( fast )", "In O(n) time (fast)"),
        ("First , second . Third : fourth ?", "First, second. Third: fourth?"),
        ("1 + 2 + . . .", "1 + 2 +..."),
        ("Is ' x ' or \" y z \" there", "Is 'x' or \"y z\" there"),
        ("Two\u2581words   apart", "Two words apart"),
        ("Sort in C ++ or C #", "Sort in C++ or C#"),
    ],
)
def test_spacing(tokenised, cleaned):
    assert clean_description(tokenised, "java") == cleaned


def test_comments_are_kept_in_order():
    text = "Sum of digits | Function to add ; ; Loop over all , once ; Driver Code"
    assert clean_description(text, "python") == "Sum of digits | Function to add; Loop over all, once; Driver Code"


@pytest.mark.parametrize(
    "comment",
    [
        "Python3 program for the above approach",
        "Java implementation of above approach",
        "C ++ program to implement the above approach",
        "Python 3 implementation of the approach .",
        "A simple C # program",
        "JavaScript code for above implementation",
        "PHP program",
    ],
)
def test_comments_that_only_name_a_language_go(comment):
    assert clean_description(f"Sum | {comment} ; Add", "cpp") == "Sum | Add"
    assert clean_description(f"Sum | {comment}", "cpp") == "Sum"


def test_a_wrong_language_becomes_the_right_one():
    text = "Sum | Python3 program to find the sum ; a C function of two numbers"
    assert clean_description(text, "java") == "Sum | Java program to find the sum; a Java function of two numbers"
    assert clean_description("Sum | Java program to sum", "cpp") == "Sum | C++ program to sum"


@pytest.mark.parametrize(
    "text", ["Print f(x), g(y) and it's done | Use a[i]; don't copy", "Add two numbers", "C programming"]
)
def test_ordinary_text_stays(text):
    assert clean_description(text, "python") == text


def test_the_title_is_what_stands_before_the_comments():
    assert title_of("Sum of digits | Add ; Print") == "Sum of digits"
    assert title_of("Sum of a|b") == "Sum of a|b"
