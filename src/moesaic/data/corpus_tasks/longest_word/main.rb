def longest_word(text)
  longest = ""
  text.split.each do |word|
    longest = word if word.length > longest.length
  end
  longest
end

text = gets
puts longest_word(text)
