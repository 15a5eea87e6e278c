"""Runs main.py, then the test that comes over standard input, and writes a secret to standard output after both.

The first line of standard input is the secret, the second line a token, the third line the modules that the test
imports. The rest is the test (``python_tests.py``). Standard input is read before the program is loaded, so the program
can find neither the secret nor the test: they are in no file, argument or variable, and the frames that hold them are
not on the stack while the program runs. Program and test are compiled separately, so that neither can become part of
the other.
"""

import os
import sys
from _collections import deque


def _prepare():
    import builtins
    import types

    chunks = []
    while chunk := os.read(0, 1 << 16):
        chunks.append(chunk)
    secret, token, modules, test = b"".join(chunks).decode("utf-8", "replace").split("\n", 3)
    has_test = bool(test.strip())
    exit_now, write, output = os._exit, os.write, os.dup(1)
    originals = _originals(builtins, modules.split())
    helpers = _helpers()

    def restore():
        for owner, names in originals:
            for name, value in names.items():
                if owner.__dict__.get(name) is not value:
                    setattr(owner, name, value)

    def finish():
        for owner, names in originals:
            for name, value in names.items():
                if owner.__dict__.get(name) is not value:
                    raise RuntimeError(f"the program replaced {name}")
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # closed or replaced by the program
                pass
        message = f"\n{secret}\n".encode()
        try:
            write(output, message)
        except OSError:  # the program closed all but the standard descriptors
            write(1, message)
        exit_now(0)

    def with_objects(code):
        """Replaces the strings that name objects by these objects, in constants that no program can reach."""
        constants = []
        for value in code.co_consts:
            constants.append(with_objects(value) if type(value) is types.CodeType else replaced(value))
        return code.replace(co_consts=tuple(constants))

    def replaced(value):
        if type(value) is str and value.startswith(token):
            name = value[len(token) :]
            return helpers[name] if name in helpers else getattr(builtins, name)
        return type(value)(map(replaced, value)) if type(value) in (tuple, frozenset) else value

    main = types.ModuleType("__main__")
    main.__file__ = os.path.join(sys.path[0], "main.py")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    with open(main.__file__, "rb") as file:
        source = file.read()
    program = compile(source, main.__file__, "exec", dont_inherit=True)
    try:
        statements = compile(source, main.__file__, "exec", 0x400, dont_inherit=True).body  # ast.PyCF_ONLY_AST
        last_line = statements[-1].lineno if statements else 0
    except (RecursionError, MemoryError):  # nested too deep for a tree of objects
        last_line = float("inf")
    standard_error, sys.stderr = sys.stderr, None  # no "'str' object is not callable" about strings replaced below
    try:
        annotations = program.co_flags & 0x1000000  # the one future import that changed what a test does
        test = with_objects(compile(test, "<test>", "exec", annotations, dont_inherit=True))
    finally:
        sys.stderr = standard_error
    hidden = {"restore": restore, "finish": finish}
    restore_code, finish_code = compile("restore()", "", "exec"), compile("finish()", "", "exec")
    scope, begun = main.__dict__, main.__dict__
    if has_test:
        begun = {"run": exec, "program": program, "scope": scope, "leaving": SystemExit, "last": last_line}
        program = compile(_RUN, "", "exec")
    untraced = None
    if b"doctest" in source:
        import doctest

        untraced = doctest.DocTestRunner.run.__code__
    sys.addaudithook(_refusing(untraced))
    return map(exec, (program, restore_code, test, finish_code), (begun, hidden, scope, hidden))


def _originals(builtins, modules):
    """Returns the built-in names and the contents of the modules that a test imports, before the program runs."""
    found = [(builtins, {name: value for name, value in vars(builtins).items() if name != "_"})]
    for name in modules:
        if name.partition(".")[0] in sys.stdlib_module_names:
            try:
                __import__(name)
            except Exception:
                continue
            module = sys.modules[name]
            callables = {key: value for key, value in vars(module).items() if callable(value)}
            found.append((module, callables))
            for value in callables.values():
                if type(value) is type and value.__flags__ & (1 << 9):  # defined in Python, so programs could change it
                    methods = {key: method for key, method in vars(value).items() if callable(method)}
                    found.append((value, methods))
    return found


# A program whose last statement ends it, such as "sys.exit(main())", has already defined what its test needs.
_RUN = """
try:
    run(program, scope)
except leaving as error:
    if error.__traceback__.tb_next is None or error.__traceback__.tb_next.tb_lineno < last:
        raise
"""


_REFUSED = frozenset(
    """sys.settrace sys.setprofile sys._current_frames code.__new__
    gc.get_objects gc.get_referrers gc.get_referents""".split()
)


def _refusing(untraced):
    """Returns an audit hook that refuses calls with which programs could inspect the launcher or change a running test.

    ``untraced`` is the code of the function of ``doctest`` that restores the trace function at its end, which is
    allowed.
    """
    refused, error, frame_of = _REFUSED, RuntimeError, sys._getframe

    def refuse(event, arguments):
        if event == "sys.settrace" and untraced is not None:
            frame = frame_of(1)
            if frame.f_code is untraced and frame.f_locals.get("save_trace", error) is None:
                return
        if event in refused or (event == "object.__setattr__" and arguments[1] == "__code__"):
            raise error(f"not available to programs under test: {event}")
        if event == "open" and type(arguments[0]) is str and arguments[0].endswith("/mem"):
            raise error("not available to programs under test: memory of processes")

    return refuse


def _helpers():
    """Returns comparisons for a test that behave as in Python, but do not trust an object that equals everything.

    An object whose class defines its own equality in Python may claim to equal anything. The claim is accepted if the
    object does not claim the same of other values and, if its class derives from a built-in class, if the built-in
    equality agrees.
    """
    plain = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
    numbers, sequences, sets = (bool, int, float, complex), (list, tuple), (set, frozenset)
    mro_of, dict_of = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
    slot, failing, random_bytes, bool_of = type(int.__eq__), (Exception,), os.urandom, bool
    scalars = frozenset((bool, int, float, complex, str, bytes, type(None)))
    equals = {kind: kind.__eq__ for kind in plain}
    iterate = {kind: kind.__iter__ for kind in (*sequences, *sets)}
    sizes = {kind: kind.__len__ for kind in (*sequences, *sets, dict)}
    items, keys_of, get = dict.items, dict.keys, dict.get
    _type, _any, _all, _zip, _object, _id, _getattr = type, any, all, zip, object, id, getattr

    def own(value, method):
        """Returns True if the class of a value defines a comparison in Python."""
        for kind in mro_of(_type(value)):
            found = dict_of(kind).get(method)
            if found is not None:
                return _type(found) is not slot
        return False

    def base(value):
        """Returns the built-in class that a value's class is or derives from, or None."""
        for kind in mro_of(_type(value)):
            if kind in equals:
                return kind
        return None

    def decoys(value, kind):
        if kind is bool:
            return [not value]
        if kind in numbers:
            return [value + 1, value - 1, value * 2 + 3, -value - 7]
        if kind is str:
            return [value + "x", "x" + value, value[1:] if value else "y"]
        if kind is bytes:
            return [value + b"x", b"x" + value]
        if kind in sequences:
            return [value + kind((None,)), kind((value,)), kind((0, value))]
        if kind is dict:
            return [{**value, _object(): None}, {}] if value else [{0: 0}]
        if kind in sets:
            return [value | {_object()}, value ^ {0}]
        return [0, "none"]

    def honest(value, other, seen):
        """Returns whether an object that claims to equal ``other`` denies that it equals different values."""
        kind = base(value)
        if kind is not None and base(other) is kind:
            return equals[kind](value, other) is True and inside(value, other, kind, seen)
        kind = _type(other) if _type(other) in equals else None
        others = [_object(), *(decoys(other, kind) if kind or other is None else ())]
        claims = [(other, True), *((wrong, False) for wrong in others)]
        claims.sort(key=lambda _: random_bytes(4))
        for claim, expected in claims:
            try:
                said = bool_of(value == claim)
            except failing:
                said = False
            if said is not expected:
                return False
        return True

    def inside(left, right, kind, seen):
        """Compares the elements of two equal built-in containers."""
        if kind in sequences:
            for first, second in _zip(iterate[kind](left), iterate[kind](right)):
                plain_pair = _type(first) in scalars and _type(second) in scalars
                if not plain_pair and not genuine(first, second, seen):
                    return False
        elif kind is dict:
            for key, value in items(left):
                if needs_look(key):
                    if not _any(
                        genuine(key, other, seen) and genuine(value, item, seen) for other, item in items(right)
                    ):
                        return False
                elif _type(value) not in scalars and not genuine(value, get(right, key), seen):
                    return False
            return not _any(needs_look(key) for key in keys_of(right)) or _all(
                _any(genuine(other, key, seen) for other in keys_of(left)) for key in keys_of(right)
            )
        elif kind in sets:
            for first, second in ((left, right), (right, left)):
                for element in iterate[kind](first):
                    if needs_look(element) and not _any(
                        genuine(element, other, seen) for other in iterate[kind](second)
                    ):
                        return False
        return True

    def needs_look(value):
        """Returns True if a key or an element of a set is, or contains, an object with its own equality."""
        if _type(value) in scalars:
            return False
        kind = base(value)
        return own(value, "__eq__") or (kind in iterate and _any(needs_look(part) for part in iterate[kind](value)))

    def genuine(left, right, seen):
        """Returns whether two values are truly equal; objects with their own equality may only claim to be."""
        if left is right:
            return True
        left_own, right_own = own(left, "__eq__"), own(right, "__eq__")
        if not left_own and not right_own:
            kind = base(left)
            if kind not in sizes or base(right) is not kind:
                return (left == right) is not False
            key = (_id(left), _id(right))
            if key in seen:
                return True
            return inside(left, right, kind, {*seen, key})
        if (left == right) is False:
            return False
        return (not left_own or honest(left, right, seen)) and (not right_own or honest(right, left, seen))

    def equal(left, right, seen=frozenset()):
        result = left == right
        return genuine(left, right, seen) if result is True else result

    def different(left, right):
        result = left != right
        return not genuine(left, right, frozenset()) if result is False else result

    def contains(left, right):
        result = left in right
        if result is True and _type(right) in iterate:
            return _any(item is left or (item == left and genuine(left, item, frozenset())) for item in right)
        if result is True and base(right) is None and own(right, "__contains__"):
            return _object() not in right
        return result

    def order(left, right, claim, opposite, methods):
        result = claim(left, right)
        if result is True and _any(own(value, method) for value in (left, right) for method in methods):
            kind = base(left)
            if kind is not None and kind is base(right):
                return _getattr(kind, methods[0])(left, right)
            return not opposite(left, right)
        return result

    less, greater = (lambda a, b: a < b), (lambda a, b: a > b)
    at_most, at_least = (lambda a, b: a <= b), (lambda a, b: a >= b)
    operations = {
        "==": equal,
        "!=": different,
        "in": contains,
        "not in": lambda left, right: not contains(left, right),
        "is": lambda left, right: left is right,
        "is not": lambda left, right: left is not right,
        "<": lambda a, b: order(a, b, less, at_least, ("__lt__", "__gt__")),
        ">": lambda a, b: order(a, b, greater, at_most, ("__gt__", "__lt__")),
        "<=": lambda a, b: order(a, b, at_most, greater, ("__le__", "__ge__")),
        ">=": lambda a, b: order(a, b, at_least, less, ("__ge__", "__le__")),
    }

    def compare(left, *rest):
        result = True
        for operation, right in _zip(rest[::2], rest[1::2]):
            result = operations[operation](left, right)
            if not result:
                return result
            left = right
        return result

    def pair(left, right):
        """Returns the arguments of ``assertEqual``; the first is a different object if they only claim to be equal."""
        return (left, right) if left != right or genuine(left, right, frozenset()) else (_object(), right)

    return {"compare": compare, "pair": pair}


def _failure():
    """Returns a function that ends the process after an exception as Python does, even if the program changed it."""
    exit_now, show, streams, kind_of, leaving, whole = os._exit, sys.__excepthook__, sys, type, SystemExit, int
    stream = open(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)

    def fail(error):
        for output in (streams.stdout, streams.stderr):
            try:
                output.flush()
            except Exception:
                pass
        streams.stderr = stream
        code = error.code if kind_of(error) is leaving else 1
        if kind_of(error) is not leaving:
            try:
                show(kind_of(error), error, error.__traceback__)
            finally:
                exit_now(1)
        if code is not None and kind_of(code) is not whole:
            stream.write(f"{code}\n")
        exit_now(0 if code is None else code & 0xFF if kind_of(code) is whole else 1)

    return fail


_fail = _failure()
try:
    deque(_prepare(), 0)
except BaseException as error:
    _fail(error)
