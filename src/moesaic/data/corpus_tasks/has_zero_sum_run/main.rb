def has_zero_sum_run(numbers)
  sum = 0
  sums = [0] + numbers.map { |number| sum += number }
  sums.uniq!
  sums.size <= numbers.size
end

puts has_zero_sum_run(gets.split.map(&:to_i)) ? "yes" : "no"
