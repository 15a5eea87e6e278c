def sort_by_length(words)
  words.sort_by { |word| [word.length, word] }
end

words = gets.split
puts sort_by_length(words)
