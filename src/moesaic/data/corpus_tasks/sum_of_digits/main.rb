def sum_of_digits(number)
  total = 0
  while number.positive?
    number, digit = number.divmod(10)
    total += digit
  end
  total
end

number = gets.to_i
puts sum_of_digits(number)
