def sum_of_fractions(words)
  words.sum(&:to_r)
end

total = sum_of_fractions(gets.split)
puts "#{total.numerator}/#{total.denominator}"
