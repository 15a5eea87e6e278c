def prime?(number)
  (2..Integer.sqrt(number)).none? { |divisor| (number % divisor).zero? }
end

def goldbach_pair(number)
  first = (2..).find { |candidate| prime?(candidate) && prime?(number - candidate) }
  [first, number - first]
end

number = gets.to_i
puts goldbach_pair(number).join(" ")
