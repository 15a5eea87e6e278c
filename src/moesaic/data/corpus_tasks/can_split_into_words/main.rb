def can_split_into_words(text, words)
  reachable = [true]
  (1..text.length).each do |last|
    reachable[last] = words.any? do |word|
      word.length <= last && reachable[last - word.length] && text[0, last].end_with?(word)
    end
  end
  reachable[text.length]
end

words = gets.split
text = gets.chomp
puts can_split_into_words(text, words) ? "yes" : "no"
