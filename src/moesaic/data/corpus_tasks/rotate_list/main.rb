def rotate_list(numbers, steps)
  numbers.rotate(steps)
end

steps = gets.to_i
numbers = gets.split.map(&:to_i)
puts rotate_list(numbers, steps)
