def fizz_buzz(number)
  return "FizzBuzz" if (number % 15).zero?
  return "Fizz" if (number % 3).zero?
  return "Buzz" if (number % 5).zero?

  number.to_s
end

n = gets.to_i
1.upto(n) { |number| puts fizz_buzz(number) }
