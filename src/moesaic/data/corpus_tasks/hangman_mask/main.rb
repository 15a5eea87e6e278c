def hangman_mask(word, guesses)
  word.gsub(/[^#{guesses}]/, "_")
end

word = gets.chomp
guesses = gets.chomp
puts hangman_mask(word, guesses)
puts guesses.chars.count { |guess| !word.include?(guess) }
