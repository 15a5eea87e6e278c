def capitalize_words(text)
  text.split.map { |word| word[0].upcase + word[1..] }.join(" ")
end

text = gets
puts capitalize_words(text)
