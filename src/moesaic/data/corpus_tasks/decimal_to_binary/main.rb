def decimal_to_binary(number)
  return "0" if number.zero?

  digits = ""
  while number.positive?
    number, bit = number.divmod(2)
    digits = bit.to_s + digits
  end
  digits
end

number = gets.to_i
puts decimal_to_binary(number)
