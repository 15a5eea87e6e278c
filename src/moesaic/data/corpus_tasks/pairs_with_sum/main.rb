def pairs_with_sum(numbers, target)
  numbers.combination(2).count { |first, second| first + second == target }
end

target = gets.to_i
numbers = gets.split.map(&:to_i)
puts pairs_with_sum(numbers, target)
