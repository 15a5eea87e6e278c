<?php

declare(strict_types=1);

function runStack(iterable $commands): void
{
    $stack = new SplStack();
    foreach ($commands as $command) {
        if (str_starts_with($command, 'push')) {
            $stack->push((int) substr($command, 5));
        } else {
            echo $stack->isEmpty() ? 'empty' : $stack->pop(), PHP_EOL;
        }
    }
}

runStack(file('php://stdin'));
