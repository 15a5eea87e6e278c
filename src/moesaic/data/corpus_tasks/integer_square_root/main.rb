def integer_square_root(number)
  above = (0..number + 1).bsearch { |root| root * root > number }
  above ? above - 1 : number
end

puts integer_square_root(gets.to_i)
