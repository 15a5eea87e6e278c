def power_of_number(base, exponent)
  return 1 if exponent.zero?

  half = power_of_number(base, exponent / 2)
  exponent.even? ? half * half : half * half * base
end

base, exponent = gets.split.map(&:to_i)
puts power_of_number(base, exponent)
