def count_vowels(text)
  text.downcase.count("aeiou")
end

text = gets
puts count_vowels(text)
