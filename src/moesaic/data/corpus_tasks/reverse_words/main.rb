def reverse_words(text)
  text.split.reverse.join(" ")
end

text = gets
puts reverse_words(text)
