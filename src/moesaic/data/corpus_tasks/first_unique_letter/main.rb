def first_unique_letter(word)
  letter, = word.chars.tally.find { |_, count| count == 1 }
  letter ? "#{letter} #{word.index(letter) + 1}" : "none"
end

puts first_unique_letter(gets.chomp)
