def second_largest(numbers)
  numbers.uniq.max(2).last
end

numbers = gets.split.map(&:to_i)
puts second_largest(numbers)
