def egyptian_fraction(rest)
  parts = []
  while rest.positive?
    part = (1 / rest).ceil
    parts << part
    rest -= Rational(1, part)
  end
  parts
end

numerator, denominator = gets.split.map(&:to_i)
puts egyptian_fraction(Rational(numerator, denominator)).join(" ")
