def letter_grade(score)
  case score
  when 90.. then "A"
  when 75...90 then "B"
  when 60...75 then "C"
  else "F"
  end
end

score = gets.to_i
puts letter_grade(score)
