def pattern(word)
  word.chars.map { |letter| word.index(letter) }
end

def isomorphic_words(first, second)
  pattern(first) == pattern(second)
end

puts isomorphic_words(gets.chomp, gets.chomp) ? "yes" : "no"
