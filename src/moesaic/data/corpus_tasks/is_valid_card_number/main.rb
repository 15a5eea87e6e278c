def is_valid_card_number(number)
  digits = number.delete(" ").reverse.chars.map(&:to_i)
  sum = digits.each_with_index.sum do |digit, index|
    index.odd? ? (2 * digit).digits.sum : digit
  end
  (sum % 10).zero?
end

number = gets.chomp
puts is_valid_card_number(number) ? "yes" : "no"
