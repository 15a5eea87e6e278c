def is_prime(number)
  return false if number < 2

  (2..Integer.sqrt(number)).none? { |divisor| (number % divisor).zero? }
end

number = gets.to_i
puts is_prime(number) ? "yes" : "no"
