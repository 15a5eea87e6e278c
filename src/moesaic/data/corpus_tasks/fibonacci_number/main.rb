def fibonacci_number(n)
  current, following = 0, 1
  n.times { current, following = following, current + following }
  current
end

n = gets.to_i
puts fibonacci_number(n)
