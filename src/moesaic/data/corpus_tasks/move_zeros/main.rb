def move_zeros(numbers)
  zeros, others = numbers.partition(&:zero?)
  others + zeros
end

numbers = gets.split.map(&:to_i)
puts move_zeros(numbers)
