def collatz_steps(number)
  steps = 0
  until number == 1
    number = number.even? ? number / 2 : 3 * number + 1
    steps += 1
  end
  steps
end

number = gets.to_i
puts collatz_steps(number)
