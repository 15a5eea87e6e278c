def maximum_subarray_sum(numbers)
  best = current = numbers.first
  numbers.drop(1).each do |number|
    current = [current + number, number].max
    best = [best, current].max
  end
  best
end

numbers = gets.split.map(&:to_i)
puts maximum_subarray_sum(numbers)
