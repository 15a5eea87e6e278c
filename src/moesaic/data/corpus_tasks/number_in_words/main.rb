SMALL = %w[
  zero one two three four five six seven eight nine ten eleven twelve thirteen
  fourteen fifteen sixteen seventeen eighteen nineteen
].freeze
TENS = %w[twenty thirty forty fifty sixty seventy eighty ninety].freeze

def number_in_words(number)
  case number
  when 0...20
    SMALL[number]
  when 20...100
    tens, ones = number.divmod(10)
    ones.zero? ? TENS[tens - 2] : "#{TENS[tens - 2]}-#{SMALL[ones]}"
  else
    hundreds, rest = number.divmod(100)
    words = "#{SMALL[hundreds]} hundred"
    rest.zero? ? words : "#{words} and #{number_in_words(rest)}"
  end
end

puts number_in_words(gets.to_i)
