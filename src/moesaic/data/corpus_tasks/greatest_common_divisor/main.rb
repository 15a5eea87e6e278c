def greatest_common_divisor(first, second)
  first, second = second, first % second until second.zero?
  first
end

first, second = gets.split.map(&:to_i)
puts greatest_common_divisor(first, second)
