SMALL_WORDS = %w[and of the].freeze

def acronym_of_phrase(phrase)
  words = phrase.downcase.split - SMALL_WORDS
  words.map { |word| word[0].upcase }.join
end

phrase = gets.chomp
puts acronym_of_phrase(phrase)
