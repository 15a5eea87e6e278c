def factorial(number)
  return 1 if number.zero?

  number * factorial(number - 1)
end

number = gets.to_i
puts factorial(number)
