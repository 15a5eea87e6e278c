NUMERALS = {
  1000 => "M", 900 => "CM", 500 => "D", 400 => "CD", 100 => "C", 90 => "XC", 50 => "L", 40 => "XL",
  10 => "X", 9 => "IX", 5 => "V", 4 => "IV", 1 => "I"
}.freeze

def roman_numeral(number)
  NUMERALS.each_with_object(+"") do |(value, symbol), numeral|
    count, number = number.divmod(value)
    numeral << symbol * count
  end
end

number = gets.to_i
puts roman_numeral(number)
