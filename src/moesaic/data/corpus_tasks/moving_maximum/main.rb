def moving_maximum(numbers, size)
  numbers.each_cons(size).map(&:max)
end

size = gets.to_i
numbers = gets.split.map(&:to_i)
puts moving_maximum(numbers, size).join(" ")
