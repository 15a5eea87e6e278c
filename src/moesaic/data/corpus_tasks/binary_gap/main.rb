def binary_gap(number)
  digits = number.to_s(2).sub(/0+\z/, "")
  digits.scan(/0+/).map(&:length).max || 0
end

puts binary_gap(gets.to_i)
