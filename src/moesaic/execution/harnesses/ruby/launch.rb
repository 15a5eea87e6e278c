# Runs main.rb, then the test that comes over standard input, and writes a secret to standard output when both are over.
#
# The first line of standard input is the secret, the second is the name of the Checker in the test, and the rest is the
# test. All of it is read before the program is loaded. Program and test are parsed separately and share the top level. The
# test sees the methods of the built-in classes as they were before the program.
module MoesaicLauncher
  # The comparisons and exceptions of the test (ruby_tests.py).
  class Checker
    PLAIN = [Integer, Float, String, Symbol, NilClass, TrueClass, FalseClass, Range, Rational, Complex, Regexp].freeze
    EQUALS = PLAIN.map { |type| type.instance_method(:==) }.freeze
    LENGTH, AT = Array.instance_method(:length), Array.instance_method(:at)
    SIZE, KEYS, KEY, VALUE = %i[size keys key? []].map { |name| Hash.instance_method(name) }
    STRANGER = Object.new.freeze
    RAISE = Kernel.instance_method(:raise)
    attr_reader :raised

    def equal(left, right)
      if Array === left && Array === right
        count = LENGTH.bind_call(left)
        count == LENGTH.bind_call(right) && (0...count).all? { |i| equal(AT.bind_call(left, i), AT.bind_call(right, i)) }
      elsif Hash === left && Hash === right
        SIZE.bind_call(left) == SIZE.bind_call(right) && KEYS.bind_call(left).all? do |key|
          KEY.bind_call(right, key) && equal(VALUE.bind_call(left, key), VALUE.bind_call(right, key))
        end
      else
        kinds = [left, right].map { |value| PLAIN.index { |type| type === value } }
        return EQUALS[kinds[0]].bind_call(left, right) ? true : false if kinds.all?

        agrees(left, right, kinds[1]) && agrees(right, left, kinds[0])
      end
    end

    def fail(*arguments, **options)
      RAISE.bind_call(self, *arguments, **options)
    rescue Exception => error
      @raised = error
      RAISE.bind_call(self, error)
    end

    private

    # An object of another class may claim to equal a value. The claim is accepted if it does not claim to equal others.
    def agrees(value, other, kind)
      return false unless value == other
      return false if !equal_object?(value, other) && value == STRANGER

      others = kind.nil? ? [] : others_like(other)
      others.none? { |another| value == another }
    end

    def equal_object?(left, right)
      BasicObject.instance_method(:equal?).bind_call(left, right)
    end

    def others_like(value)
      case value
      when Integer, Float then [value + 1, value * 2 + 5]
      when String then ["#{value}\1another"]
      when true, false then [!value]
      else []
      end
    end
  end

  # The methods on which a test relies. They are restored before the test, and compared after it.
  class Originals
    OWNERS = [
      BasicObject, Object, Kernel, Module, Class, Comparable, Enumerable, *Checker::PLAIN, Numeric, Array, Hash, Struct, Proc,
      Method, UnboundMethod, Exception, StandardError, Enumerator, Time, Math, Process
    ].uniq.freeze
    COMPARISONS = %i[== != ! === eql? equal? <=> nil? is_a? kind_of? instance_of?].freeze

    def initialize
      @methods = OWNERS.flat_map do |owner|
        single = owner.singleton_class
        [*find(owner), *find(single)]
      end
    end

    # Returns whether all could be restored; a module that was prepended to a class cannot be removed.
    def restore
      @methods.map! do |owner, name, method|
        next [owner, name, method] if owner.instance_method(name) == method

        owner.define_method(name, method)
        return false unless owner.instance_method(name).owner == owner

        [owner, name, owner.instance_method(name)]
      end
      true
    rescue NameError
      false
    end

    def untouched?
      @methods.all? { |owner, name, method| owner.instance_method(name) == method }
    rescue NameError
      false
    end

    private

    def find(owner)
      names = owner.instance_methods(false) | COMPARISONS.select { |name| owner.method_defined?(name) }
      names.map { |name| [owner, name, owner.instance_method(name)] }
    end
  end

  # Removes what would show a program the launcher's variables: tracing, and lists of all objects.
  def self.hide
    [TracePoint.singleton_class, ObjectSpace.singleton_class, ObjectSpace, Kernel.singleton_class, Kernel].each do |owner|
      %i[new trace stat allow_reentry each_object _id2ref set_trace_func].each do |name|
        owner.undef_method(name) if owner.method_defined?(name) || owner.private_method_defined?(name)
      end
    end
    ObjectSpace.freeze
  end

  def self.run(program)
    secret, name, test = $stdin.read.split("\n", 3)
    output, errors = File.open("/proc/self/fd/1", "w"), File.open("/proc/self/fd/2", "w")
    hide
    checker, originals = Checker.new, Originals.new
    write, leave = IO.instance_method(:syswrite), Process.method(:exit!).unbind
    [self, Checker, Originals].each(&:freeze)
    $0 = program
    eval(File.read(program), TOPLEVEL_BINDING, program)
    restored = originals.restore
    Object.const_set(name, checker)
    begin
      eval(test, TOPLEVEL_BINDING, "test")
    rescue Exception => error
      raise unless error.equal?(checker.raised)

      write.bind_call(errors, "AssertionError: #{error.message} (#{error.class})\n")
      leave.bind_call(Process, 1)
    end
    unless restored && originals.untouched?
      write.bind_call(errors, "AssertionError: the program replaced what the test relies on\n")
      leave.bind_call(Process, 1)
    end
    write.bind_call(output, "\n#{secret}\n")
    leave.bind_call(Process, 0)
  end
end

MoesaicLauncher.run(File.join(__dir__, "main.rb"))
