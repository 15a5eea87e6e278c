<?php

declare(strict_types=1);

function pigLatin(string $word): string
{
    $consonants = strcspn($word, 'aeiou');
    if ($consonants === 0) {
        return $word . 'way';
    }
    return substr($word, $consonants) . substr($word, 0, $consonants) . 'ay';
}

$words = explode(' ', trim(fgets(STDIN)));
echo implode(' ', array_map(pigLatin(...), $words)), PHP_EOL;
