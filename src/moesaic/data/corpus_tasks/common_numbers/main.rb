def common_numbers(first, second)
  (first & second).length
end

first = gets.split.map(&:to_i)
second = gets.split.map(&:to_i)
puts common_numbers(first, second)
