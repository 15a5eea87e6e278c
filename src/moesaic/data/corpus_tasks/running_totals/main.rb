def running_totals(numbers)
  total = 0
  numbers.map { |number| total += number }
end

numbers = gets.split.map(&:to_i)
puts running_totals(numbers)
