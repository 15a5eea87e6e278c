def kaprekar_steps(number)
  steps = 0
  until number == 6174
    digits = number.digits
    digits << 0 while digits.length < 4
    digits.sort!
    number = digits.reverse.join.to_i - digits.join.to_i
    steps += 1
  end
  steps
end

number = gets.to_i
puts kaprekar_steps(number)
