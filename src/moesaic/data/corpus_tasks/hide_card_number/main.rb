def hide_card_number(number)
  digits = 0
  number.reverse.gsub(/\d/) { |digit| (digits += 1) > 4 ? "*" : digit }.reverse
end

number = gets.chomp
puts hide_card_number(number)
